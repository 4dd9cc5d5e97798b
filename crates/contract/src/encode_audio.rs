//! Activity: encodes the whole sound in every bit rate.

use media::{manifest::DecodedSound, plan::AudioPlan};
use serde::{Deserialize, Serialize};

use crate::{StoredSource, VideoId};

crate::activity!("encode_audio");

/// What to encode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The attempt at the video; part of the segments' names.
    pub attempt: u32,
    /// The source in the store.
    pub source: StoredSource,
    /// How the sound is encoded.
    pub plan: AudioPlan,
}

/// What was made; the list of segments stays in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Errors the decoder reported.
    pub decode_errors: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// True when an earlier run had already made it.
    pub reused: bool,
    /// What was decoded of the source's track.
    #[serde(default)]
    pub decoded: DecodedSound,
}
