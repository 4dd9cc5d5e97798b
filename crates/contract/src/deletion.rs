//! `DeletionWorkflow`: removes a video and everything made of it.

use serde::{Deserialize, Serialize};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};

use crate::{Mac, VideoId};

/// Name of the workflow type in Temporal.
pub const NAME: &str = "DeletionWorkflow";

/// Marks the workflow where it is started.
pub struct DeletionWorkflow;

impl WorkflowDefinition for DeletionWorkflow {
    type Input = Input;
    type Output = ();

    fn name(&self) -> &str {
        NAME
    }
}

impl HasWorkflowDefinition for DeletionWorkflow {
    type Run = Self;
}

/// What to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The video. It may still be running, but must have been asked to stop.
    pub video: VideoId,
    /// Authentication code; absent in inputs of versions before there were codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

crate::mac::vouched!(Input, NAME);
