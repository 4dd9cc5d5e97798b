//! Activity: marks a video as being transcoded in the catalogue.

use serde::{Deserialize, Serialize};

use crate::VideoId;

crate::activity!("begin_video");

/// The attempt that begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// The attempt.
    pub attempt: u32,
}

/// Nothing.
pub type Output = ();
