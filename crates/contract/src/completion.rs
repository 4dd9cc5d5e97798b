//! `CompletionWorkflow`: reports how an attempt ended, and outlives the workflow that made it.

use serde::{Deserialize, Serialize};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};

use crate::{Failure, VideoId, Warning, video};

/// Name of the workflow type in Temporal.
pub const NAME: &str = "CompletionWorkflow";

/// Marks the workflow where it is started.
pub struct CompletionWorkflow;

impl WorkflowDefinition for CompletionWorkflow {
    type Input = Input;
    type Output = ();

    fn name(&self) -> &str {
        NAME
    }
}

impl HasWorkflowDefinition for CompletionWorkflow {
    type Run = Self;
}

/// An attempt and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// The attempt that ended.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// Published.
    Ready(Box<video::Output>),
    /// Ended without a result.
    Failed {
        /// Why.
        failure: Failure,
        /// Warnings so far.
        warnings: Vec<Warning>,
    },
    /// Stopped by the user.
    Cancelled,
}
