//! Activity: encodes one chunk in every rung, from one decode.

use media::plan::VideoPlan;
use serde::{Deserialize, Serialize};

use crate::{StoredSource, VideoId};

crate::activity!("transcode_chunk");

/// Which chunk of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The attempt at the video; part of the segments' names.
    pub attempt: u32,
    /// The source in the store.
    pub source: StoredSource,
    /// How the video is encoded.
    pub plan: VideoPlan,
    /// Index of the chunk.
    pub chunk: u32,
}

/// What was made; the list of segments stays in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Index of the chunk.
    pub chunk: u32,
    /// Frames in every rung.
    pub frames: u64,
    /// Distinct source pictures decoded within the range.
    pub decoded: u64,
    /// Errors the decoder reported.
    pub decode_errors: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// True when an earlier run had already made the chunk.
    pub reused: bool,
}

/// What a running chunk puts into its heartbeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Index of the chunk.
    #[serde(default)]
    pub chunk: Option<u32>,
    /// Frames encoded so far.
    pub frames: u64,
}
