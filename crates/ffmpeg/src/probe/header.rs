//! The JSON of `ffprobe -show_format -show_streams`, as far as it is used. Nothing is required:
//! damaged files leave out anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) format: Format,
    pub(super) streams: Vec<Stream>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    #[serde(rename = "format_name")]
    pub(super) name: String,
    #[serde(deserialize_with = "number")]
    pub(super) size: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) start_time: Option<f64>,
}

impl Format {
    /// Start of the file in microseconds; ffprobe prints exactly six decimals.
    pub(super) fn start_us(&self) -> i64 {
        self.start_time.map_or(0, micros)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of any file fit")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) index: u32,
    pub(super) codec_type: String,
    pub(super) codec_name: Option<String>,
    pub(super) codec_tag_string: String,
    pub(super) profile: Option<String>,
    pub(super) pix_fmt: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect_ratio: String,
    pub(super) color_range: Option<String>,
    pub(super) color_space: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) color_primaries: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) r_frame_rate: String,
    pub(super) avg_frame_rate: String,
    pub(super) time_base: String,
    #[serde(deserialize_with = "number")]
    start_time: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) nb_frames: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub(super) sample_rate: Option<u32>,
    pub(super) channels: u32,
    pub(super) channel_layout: Option<String>,
    pub(super) disposition: Disposition,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Disposition {
    #[serde(deserialize_with = "flag")]
    pub(super) default: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) attached_pic: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) still_image: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SideData {
    pub(super) rotation: Option<f64>,
    displaymatrix: String,
}

impl SideData {
    /// True when the upper left 2×2 part of the matrix has a negative determinant.
    pub(super) fn is_mirrored(&self) -> bool {
        let numbers: Vec<f64> = self
            .displaymatrix
            .lines()
            .filter_map(|line| line.split_once(':'))
            .flat_map(|(_, row)| row.split_whitespace().filter_map(|cell| cell.parse().ok()))
            .collect();
        let [a, b, _, c, d, ..] = numbers[..] else { return false };
        a * d - b * c < 0.0
    }
}

impl Stream {
    /// Start of the stream in microseconds, when ffprobe knows it.
    pub(super) fn start_us(&self) -> Option<i64> {
        self.start_time.map(micros)
    }

    pub(super) fn is_audio(&self) -> bool {
        self.codec_type == "audio"
    }

    pub(super) fn is_picture(&self) -> bool {
        self.codec_type == "video"
            && !self.disposition.attached_pic
            && !self.disposition.still_image
    }

    /// Sample aspect ratio; 1:1 when it is not given or makes no sense.
    pub(super) fn sample_aspect(&self) -> (u32, u32) {
        let parts = self.sample_aspect_ratio.split_once(':');
        let ratio = parts.and_then(|(num, den)| Some((num.parse().ok()?, den.parse().ok()?)));
        ratio.filter(|&(num, den)| num > 0 && den > 0).unwrap_or((1, 1))
    }
}

/// A number that ffprobe may write as text, or as `N/A`.
fn number<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match Option::<Written>::deserialize(deserializer)? {
        Some(Written::Text(text)) => text.parse().ok(),
        Some(Written::Number(number)) => number.to_string().parse().ok(),
        None => None,
    })
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    u8::deserialize(deserializer).map(|flag| flag != 0)
}
