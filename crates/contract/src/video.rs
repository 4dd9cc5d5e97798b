//! `VideoWorkflow`: one attempt at making a video.

use media::{options::Options, plan::Limits};
use serde::{Deserialize, Serialize};
use temporalio_common::{HasWorkflowDefinition, QueryDefinition, WorkflowDefinition};

use crate::{Export, Mac, Outputs, Progress, Source, SourceSummary, VideoId, Warning};

/// Name of the workflow type in Temporal.
pub const NAME: &str = "VideoWorkflow";
/// Name of the query that answers a [`Progress`].
pub const PROGRESS: &str = "progress";

/// Starts and finds the workflow from clients that do not link it.
pub struct VideoWorkflow;

impl WorkflowDefinition for VideoWorkflow {
    type Input = Input;
    type Output = Output;

    fn name(&self) -> &str {
        NAME
    }
}

impl HasWorkflowDefinition for VideoWorkflow {
    type Run = Self;
}

/// Asks the workflow for its [`Progress`].
pub struct ProgressQuery;

impl QueryDefinition for ProgressQuery {
    type Workflow = VideoWorkflow;
    type Input = ();
    type Output = Progress;

    fn name(&self) -> &str {
        PROGRESS
    }
}

/// One attempt at one video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The tenant that owns the video; also the fairness key.
    pub tenant: String,
    /// Where the input comes from.
    pub source: Source,
    /// What was requested.
    pub options: Options,
    /// What the deployment allows.
    pub limits: Limits,
    /// Where else the outputs go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<Export>,
    /// Authentication code; absent in inputs of versions before there were codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

crate::mac::vouched!(Input, NAME);

/// A ready video. Failures and cancellations close the workflow as such.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// What the source was.
    pub source: SourceSummary,
    /// What was published.
    pub outputs: Outputs,
    /// What could not be made as requested.
    pub warnings: Vec<Warning>,
}
