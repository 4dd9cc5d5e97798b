//! Options for the picture and for what is detected in it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidOption;

/// Longest text of a watermark, in characters.
const WATERMARK_CHARS_MAX: usize = 200;
/// Longest address of a watermark's picture, as for any source.
const IMAGE_URL_BYTES_MAX: usize = 4096;
/// Longest key of a watermark's picture: that of S3.
const IMAGE_KEY_BYTES_MAX: usize = 1024;
/// Width of a thumbnail in pixels.
const THUMBNAIL_WIDTH: std::ops::RangeInclusive<u32> = 16..=1280;
/// Extra thumbnail sizes at most.
const THUMBNAIL_SIZES_MAX: usize = 8;
/// The range of the shortest chapter.
const CHAPTER_SECONDS: std::ops::RangeInclusive<f64> = 0.0..=3600.0;

/// What encodes the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncoderOption {
    /// NVENC where a worker's trial encode succeeded, else x264.
    #[default]
    Auto,
    /// libx264, on the processor.
    X264,
    /// NVENC on an NVIDIA card; x264, with a warning, where there is none.
    Nvenc,
}

/// A still picture of the video.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThumbnailOption {
    /// How the moment is chosen.
    #[serde(default)]
    pub mode: ThumbnailMode,
    /// The moment, with mode `timestamp`: seconds from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub at_seconds: Option<f64>,
    /// Widths of further copies in pixels. The main picture is at most 1280 wide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub widths: Vec<u32>,
}

/// How the moment of a thumbnail is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThumbnailMode {
    /// A clear, non-black picture.
    #[default]
    Auto,
    /// The picture at `at_seconds`.
    Timestamp,
    /// The first clear picture of the strongest scene.
    Scene,
}

impl ThumbnailOption {
    pub(super) fn validate(&self, path: &str) -> Result<(), InvalidOption> {
        let wrong = |field: &str, reason: String| {
            Err(InvalidOption::new(format!("{path}.{field}"), reason))
        };
        match (self.mode, self.at_seconds) {
            (ThumbnailMode::Timestamp, None) => {
                return wrong("at_seconds", "is needed with mode `timestamp`".to_owned());
            }
            (ThumbnailMode::Timestamp, Some(at)) if !at.is_finite() || at < 0.0 => {
                return wrong("at_seconds", "must be 0 or more".to_owned());
            }
            (ThumbnailMode::Auto | ThumbnailMode::Scene, Some(_)) => {
                return wrong("at_seconds", "goes only with mode `timestamp`".to_owned());
            }
            _ => {}
        }
        if self.widths.len() > THUMBNAIL_SIZES_MAX {
            let reason = format!("has {} sizes; at most {THUMBNAIL_SIZES_MAX}", self.widths.len());
            return wrong("widths", reason);
        }
        let twice = |(at, width): &(usize, &u32)| self.widths[..*at].contains(width);
        if let Some((at, width)) = self.widths.iter().enumerate().find(twice) {
            return wrong(&format!("widths[{at}]"), format!("{width} is there twice"));
        }
        match self.widths.iter().position(|width| !THUMBNAIL_WIDTH.contains(width)) {
            Some(at) => wrong(&format!("widths[{at}]"), "must be from 16 to 1280".to_owned()),
            None => Ok(()),
        }
    }
}

/// A text or a picture shown in every rendition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatermarkOption {
    /// The text, taken literally; may hold line breaks. Not together with `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, example = "© Brand")]
    pub text: Option<String>,
    /// The picture. Not together with `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<WatermarkImage>,
    /// Its status.
    #[serde(default)]
    pub position: Position,
    /// From 0 (invisible) to 1 (solid).
    #[serde(default = "default_opacity")]
    #[schema(minimum = 0, maximum = 1, default = 0.7)]
    pub opacity: f64,
    /// Share of the picture: of its height for one line of text, of its width for an image.
    /// Default 0.05 for text and 0.15 for an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.01, maximum = 1)]
    pub size: Option<f64>,
}

/// Where the picture of a watermark is: give `url`, or `bucket` and `key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatermarkImage {
    /// An http(s) address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096)]
    pub url: Option<String>,
    /// Bucket of an object in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub key: Option<String>,
}

/// A corner, or the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Position {
    TopLeft,
    TopRight,
    BottomLeft,
    #[default]
    BottomRight,
    Center,
}

fn default_opacity() -> f64 {
    0.7
}

impl WatermarkOption {
    /// Share of the picture it takes.
    pub fn share(&self) -> f64 {
        self.size.unwrap_or(if self.image.is_some() { 0.15 } else { 0.05 })
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), InvalidOption> {
        let wrong = |field: &str, reason: &str| {
            let path = if field.is_empty() { path.to_owned() } else { format!("{path}.{field}") };
            Err(InvalidOption::new(path, reason))
        };
        match (&self.text, &self.image) {
            (Some(_), Some(_)) => return wrong("image", "give either `text` or `image`, not both"),
            (None, None) => return wrong("", "give `text` or `image`"),
            (Some(text), None) if text.trim().is_empty() => return wrong("text", "is empty"),
            (Some(text), None) if text.chars().count() > WATERMARK_CHARS_MAX => {
                return wrong("text", "is longer than 200 characters");
            }
            (None, Some(image)) => match (&image.url, &image.bucket, &image.key) {
                (Some(url), None, None) if url.len() > IMAGE_URL_BYTES_MAX => {
                    return wrong("image.url", "is longer than 4096 bytes");
                }
                (None, Some(_), Some(key)) if key.len() > IMAGE_KEY_BYTES_MAX => {
                    return wrong("image.key", "is longer than 1024 bytes");
                }
                (Some(_), None, None) | (None, Some(_), Some(_)) => {}
                _ => return wrong("image", "give `url`, or `bucket` and `key`"),
            },
            _ => {}
        }
        if !(0.0..=1.0).contains(&self.opacity) {
            return wrong("opacity", "must be from 0 to 1");
        }
        if !(0.01..=1.0).contains(&self.share()) {
            return wrong("size", "must be from 0.01 to 1");
        }
        Ok(())
    }
}

/// Chapters at scene changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChaptersOption {
    /// How different two pictures must be for a new scene: 0 (everything) to 1 (nothing).
    #[schema(minimum = 0, maximum = 1, default = 0.4)]
    pub scene_threshold: f64,
    /// Shortest chapter in seconds; shorter scenes are joined with the one before.
    #[schema(minimum = 0, maximum = 3600, default = 2)]
    pub min_seconds: f64,
}

impl Default for ChaptersOption {
    fn default() -> Self {
        Self { scene_threshold: 0.4, min_seconds: 2.0 }
    }
}

impl ChaptersOption {
    pub(super) fn validate(self, path: &str) -> Result<(), InvalidOption> {
        if !(0.0..=1.0).contains(&self.scene_threshold) {
            return Err(InvalidOption::new(
                format!("{path}.scene_threshold"),
                "must be from 0 to 1",
            ));
        }
        if !CHAPTER_SECONDS.contains(&self.min_seconds) {
            return Err(InvalidOption::new(
                format!("{path}.min_seconds"),
                "must be from 0 to 3600",
            ));
        }
        Ok(())
    }
}
