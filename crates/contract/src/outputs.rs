//! What a ready video consists of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use media::source::NonStandard;

/// Facts of the source that users see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceSummary {
    /// Length of what is played, in seconds.
    pub duration_seconds: f64,
    /// Width in square pixels, upright; absent without pictures.
    pub width: Option<u32>,
    /// Height in square pixels, upright; absent without pictures.
    pub height: Option<u32>,
    /// Frames per second of the output.
    pub fps: Option<f64>,
    /// Codecs of the played tracks, picture first.
    pub codecs: Vec<String>,
    /// Size of the file.
    pub bytes: u64,
    /// Why the source took the safe path; empty for standard sources.
    #[serde(default)]
    pub non_standard_input_reasons: Vec<NonStandard>,
}

/// What was published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outputs {
    /// `bucket/key` of the master playlist.
    pub master: String,
    /// Video renditions, highest first.
    pub renditions: Vec<RenditionOutput>,
    /// Audio renditions, highest first.
    pub audio: Vec<AudioOutput>,
    /// Frames in every video rendition.
    pub frames: u64,
    /// Sum of the segment durations of the first playlist, in seconds.
    pub duration_seconds: f64,
}

/// One published video rendition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RenditionOutput {
    /// The rung's name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Peak bits per second, audio included.
    pub bandwidth: u64,
    /// Mean bits per second, audio included.
    pub average_bandwidth: u64,
    /// RFC 6381 codec strings, audio included.
    pub codecs: String,
}

/// One published audio rendition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AudioOutput {
    /// Folder name, `audio-{kbps}`.
    pub name: String,
    /// Peak bits per second.
    pub bandwidth: u64,
}
