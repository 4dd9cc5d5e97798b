//! Activity: writes the media playlists of everything that was encoded.

use media::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::{StoredSource, VideoId};

crate::activity!("package_video");

/// What was encoded; the manifests in the store say how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// The source it was encoded from.
    pub source: StoredSource,
    /// The plan it was encoded by.
    pub plan: Plan,
}

/// What was packaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Playlists written.
    pub playlists: u32,
    /// Segments they name.
    pub segments: u64,
}
