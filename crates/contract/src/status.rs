//! The life of a video.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a video stands: `uploading → uploaded → transcoding → ready | failed | cancelled`, and
/// `failed | cancelled → uploaded` on retry; nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Bytes are still arriving from the user.
    Uploading,
    /// Accepted; the workflow has not begun.
    Uploaded,
    /// The workflow runs.
    Transcoding,
    /// Published.
    Ready,
    /// Ended without a result.
    Failed,
    /// Stopped by the user.
    Cancelled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Uploading,
        Self::Uploaded,
        Self::Transcoding,
        Self::Ready,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The status as written in the API and the catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Uploaded => "uploaded",
            Self::Transcoding => "transcoding",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The statuses a video may have just before this one.
    pub fn predecessors(self) -> &'static [Self] {
        match self {
            Self::Uploading => &[],
            Self::Uploaded => &[Self::Uploading, Self::Failed, Self::Cancelled],
            Self::Transcoding => &[Self::Uploaded],
            Self::Ready => &[Self::Transcoding],
            // A video can fail or be cancelled before its first activity has marked it begun.
            Self::Failed | Self::Cancelled => &[Self::Uploading, Self::Uploaded, Self::Transcoding],
        }
    }

    /// True when nothing more happens by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ready | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a status; they are {known}", known = Status::ALL.map(Status::as_str).join(", "))]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}
