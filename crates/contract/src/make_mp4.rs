//! Activity: joins the finished segments of a rung into one progressive MP4.

use media::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::{Mp4Output, StoredSource, VideoId};

crate::activity!("make_mp4");

/// Which rung of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// The source it was encoded from.
    pub source: StoredSource,
    /// The plan it was encoded by.
    pub plan: Plan,
    /// Name of the rung.
    pub rung: String,
}

/// The file in the store.
pub type Output = Mp4Output;
