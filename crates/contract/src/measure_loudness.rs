//! Activity: measures the sound, the first of the two passes of loudness normalization.

use media::{
    options::LoudnessOption,
    plan::{AudioPlan, Loudness},
};
use serde::{Deserialize, Serialize};

use crate::{StoredSource, VideoId};

crate::activity!("measure_loudness");

/// The track and the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
    /// The sound as it will be encoded.
    pub plan: AudioPlan,
    /// The wanted loudness.
    pub target: LoudnessOption,
}

/// What the second pass needs; `None` for silence, which has no loudness.
pub type Output = Option<Loudness>;
