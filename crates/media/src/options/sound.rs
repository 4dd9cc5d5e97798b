//! Options for audio.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidOption;

/// Which audio tracks of the source become renditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudioTracks {
    /// Every track, each with its language.
    #[default]
    All,
    /// The one that plays by default.
    Default,
}

/// The target loudness (EBU R 128); the ranges are those of ffmpeg's `loudnorm`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoudnessOption {
    /// Integrated loudness in LUFS.
    #[schema(minimum = -70, maximum = -5, default = -16.0)]
    pub integrated: f64,
    /// Highest true peak in dBTP.
    #[schema(minimum = -9, maximum = 0, default = -1.5)]
    pub true_peak: f64,
    /// Loudness range in LU.
    #[schema(minimum = 1, maximum = 50, default = 11.0)]
    pub range: f64,
}

impl Default for LoudnessOption {
    fn default() -> Self {
        Self { integrated: -16.0, true_peak: -1.5, range: 11.0 }
    }
}

impl LoudnessOption {
    pub(super) fn validate(self, path: &str) -> Result<(), InvalidOption> {
        for (field, value, range) in [
            ("integrated", self.integrated, -70.0..=-5.0),
            ("true_peak", self.true_peak, -9.0..=0.0),
            ("range", self.range, 1.0..=50.0),
        ] {
            if !range.contains(&value) {
                let reason = format!("must be from {} to {}", range.start(), range.end());
                return Err(InvalidOption::new(format!("{path}.{field}"), reason));
            }
        }
        Ok(())
    }
}
