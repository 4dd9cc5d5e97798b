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
    /// What became of the source's sound.
    #[serde(default)]
    pub decoded: DecodedSound,
}

/// What was decoded of a track of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodedSound {
    /// Microseconds of sound that were decoded.
    pub decoded_us: u64,
    /// Microseconds that the packets hold by their own account and that did not decode; 0 when they
    /// do not say, or when the sound was not read to its end.
    pub missing_us: u64,
    /// Microseconds of silence put into gaps between what was decoded, less what was cut where it
    /// overlapped.
    pub filled_us: u64,
    /// Errors that the container's reader and the decoder reported.
    pub errors: u64,
    /// Microseconds of sound whose stamps were of no use, so that they follow what was before them.
    #[serde(default)]
    pub stray_us: u64,
    /// Times the stamps started again.
    #[serde(default)]
    pub restarts: u32,
}

impl DecodedSound {
    /// Microseconds of sound that did not decode: what packets hold by their own account and, where
    /// there were errors, gaps that lost packets left.
    pub fn lost_us(&self) -> u64 {
        if self.errors > 0 { self.missing_us.max(self.filled_us) } else { self.missing_us }
    }

    /// True when so much is lost that it is damage. Encoders' delays are dropped on purpose, and
    /// without an error a container may simply have its durations wrong.
    pub fn is_damaged(&self) -> bool {
        let part = if self.errors > 0 { 0 } else { self.decoded_us / 20 };
        self.lost_us() > DELAY_US + part
    }
}

/// What was decoded of a source that was rewritten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodedSource {
    /// The pictures; `None` without any.
    pub pictures: Option<DecodedPictures>,
    /// Packets and frames of each track of sound that did not decode or were made up, in the order of
    /// the tracks in the rewritten file.
    pub sound_errors: Vec<u64>,
}

/// How many pictures of a source were decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodedPictures {
    /// Pictures that the packets hold by their own account.
    pub expected: u64,
    /// Pictures that were decoded.
    pub decoded: u64,
    /// Pictures among those decoded that are damaged.
    pub damaged: u64,
    /// Pictures in front of the first one decoded, as in a recording that begins between key frames.
    pub leading: u64,
    /// Errors the decoder reported.
    pub errors: u64,
}

impl DecodedPictures {
    /// Pictures that could not be decoded.
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.decoded)
    }
}

/// Longest that encoders' delay and padding take together, in microseconds: twice 2112 samples of AAC
/// at 44.1 kHz, and some.
const DELAY_US: u64 = 120_000;

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
    /// Packets of audio that last other than [`PACKET_SAMPLES`] samples, the last one apart.
    #[serde(default)]
    pub odd_packets: u32,
}

/// Samples in a packet of AAC-LC.
pub const PACKET_SAMPLES: u32 = 1024;
