//! Identifiers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Identifies a video for ever, over all its attempts. A `UUIDv7`, so ids sort by creation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = String, format = Uuid)]
pub struct VideoId(pub Uuid);

impl VideoId {
    /// The workflow that runs attempt `attempt` of this video.
    pub fn workflow_id(self, attempt: u32) -> String {
        format!("video-{self}-{attempt}")
    }

    /// The workflow that removes this video.
    pub fn deletion_workflow_id(self) -> String {
        format!("deletion-{self}")
    }

    /// The workflow that reports how attempt `attempt` ended.
    pub fn completion_workflow_id(self, attempt: u32) -> String {
        format!("completion-{self}-{attempt}")
    }
}

impl fmt::Display for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for VideoId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}
