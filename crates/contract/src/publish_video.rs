//! Activity: writes the master playlist, the last object of a video.

use serde::{Deserialize, Serialize};

use crate::VideoId;

crate::activity!("publish_video");

/// What passed the checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// Text of the master playlist; its size depends on the ladder, not on the length.
    pub master: String,
    /// Address of the bucket `videos`, when every playlist is to hold absolute addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// Nothing.
pub type Output = ();
