//! What an encoding activity leaves in the store: the list of segments it made, written last.
//!
//! Manifests are how results reach the fan-in: they are read from the store by prefix, so nothing
//! that grows with the video passes through the workflow.

use serde::{Deserialize, Serialize};

/// Segments of one chunk in every rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkManifest {
    /// Chunk index.
    pub chunk: u32,
    /// Hash of everything the result depends on: source, range, rungs, encoder settings.
    pub fingerprint: String,
    /// First frame on the grid.
    pub first_frame: u64,
    /// Frames in every rung.
    pub frames: u64,
    /// Distinct source pictures decoded within the range.
    pub decoded: u64,
    /// Errors the decoder reported.
    pub decode_errors: u64,
    /// Pictures among those decoded that are damaged.
    #[serde(default)]
    pub damaged: u64,
    /// One entry per rung, in ladder order.
    pub renditions: Vec<RenditionManifest>,
}

/// Segments of the whole sound in every bit rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioManifest {
    /// Hash of everything the result depends on.
    pub fingerprint: String,
    /// One entry per bit rate, highest first.
    pub renditions: Vec<RenditionManifest>,
}

/// Segments of one rendition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionManifest {
    /// Folder under `outputs/`: the rung's name, or `audio-{kbps}`.
    pub name: String,
    /// SHA-256 of the initialisation segment, in hex; equal in all chunks of a rendition.
    pub init_sha256: String,
    /// RFC 6381 codec string read from the initialisation segment.
    pub codec: String,
    /// Ticks per second of the times below.
    pub timescale: u32,
    /// Width and height in pixels; `None` for sound.
    pub size: Option<(u32, u32)>,
    /// Segments in order.
    pub segments: Vec<Segment>,
}

/// One stored segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// File name below the rendition's folder; it carries the attempt that made it.
    pub name: String,
    /// Index over the whole rendition.
    pub index: u32,
    /// Size of the object.
    pub bytes: u64,
    /// Decode time of the first sample, in ticks.
    pub decode_time: u64,
    /// Duration in ticks: the sum over its samples.
    pub duration: u64,
    /// Samples: frames of video, packets of audio.
    pub samples: u32,
    /// Samples marked as key frames, by position; empty for audio, whose samples all are.
    pub key_samples: Vec<u32>,
}
