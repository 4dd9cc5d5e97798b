//! Activity: marks a video as being transcoded in the catalogue.

use serde::{Deserialize, Serialize};

use crate::{VideoId, video};

crate::activity!("begin_video");

/// The attempt that begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// The attempt.
    pub attempt: u32,
    /// All that the workflow was started with; videos that began before there were codes do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<video::Input>>,
}

/// Nothing.
pub type Output = ();
