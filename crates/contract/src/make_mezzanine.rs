//! Activity: encodes a master copy of high quality into the mezzanine store.

use media::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::{MezzanineOutput, StoredSource, VideoId};

crate::activity!("make_mezzanine");

/// The source to use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
    /// The plan of the video: its grid, tracks and colours.
    pub plan: Plan,
}

/// The file in the mezzanine store.
pub type Output = MezzanineOutput;
