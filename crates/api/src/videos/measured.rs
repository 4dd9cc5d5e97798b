//! What a source was found to be, as far as that is known.

use contract::SourceSummary;
use media::source::NonStandard;
use serde::Serialize;
use utoipa::ToSchema;

/// What a source was found to be. Nothing is there before the video is ready.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Measured {
    /// Length of what is played, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    /// Width in square pixels, upright; absent without pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Height in square pixels, upright; absent without pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Frames per second of the output; absent without pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<f64>,
    /// Codecs of the played tracks, picture first.
    #[serde(skip_serializing_if = "Option::is_none")]
    codecs: Option<Vec<String>>,
    /// Size of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Why the source took the safe path; empty for standard sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    non_standard_input_reasons: Option<Vec<NonStandard>>,
}

impl From<SourceSummary> for Measured {
    fn from(summary: SourceSummary) -> Self {
        Self {
            duration_seconds: Some(summary.duration_seconds),
            width: summary.width,
            height: summary.height,
            fps: summary.fps,
            codecs: Some(summary.codecs),
            bytes: Some(summary.bytes),
            non_standard_input_reasons: Some(summary.non_standard_input_reasons),
        }
    }
}
