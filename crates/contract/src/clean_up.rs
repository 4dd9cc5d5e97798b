//! Activity: removes what a video no longer needs from the store.

use serde::{Deserialize, Serialize};

use crate::VideoId;

crate::activity!("clean_up");

/// What to remove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// How the attempt ended.
    pub after: After,
    /// The attempt that ended; absent in inputs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// How the attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Published: manifests and segments that no playlist names are removed.
    Ready,
    /// Failed for good or cancelled: everything that was made is removed, as another attempt makes
    /// it again.
    /// The source stays.
    Abandoned,
}

/// Objects removed.
pub type Output = u64;
