//! Activity: copies a published video to its destination.

use serde::{Deserialize, Serialize};

use crate::{Export, ExportOutput, Outputs, VideoId};

crate::activity!("export_video");

/// What to copy, and where to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// Attempt at the video. Names below the destination carry it.
    #[serde(default)]
    pub attempt: u32,
    /// Where to.
    pub export: Export,
    /// Address of the destination's bucket; makes the copied playlists absolute.
    pub base: Option<String>,
    /// What was published.
    pub outputs: Outputs,
}

/// What is there now.
pub type Output = ExportOutput;
