//! Activity: makes the peaks of the sound, as data and as a picture.

use media::plan::AudioPlan;
use serde::{Deserialize, Serialize};

use crate::{StoredSource, VideoId, WaveformOutput};

crate::activity!("make_waveform");

/// The source to use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
    /// The sound and its place on the video's time line.
    pub plan: AudioPlan,
}

/// The data and the picture in the store.
pub type Output = WaveformOutput;
