//! The JSON of `ffprobe -show_format -show_streams -show_chapters`, as far as it is used. Nothing is required:
//! damaged files leave out anything.

use std::collections::BTreeMap;

use media::rate::FrameRate;
use media::source::AudioRole;
use media::timeline::TimeBase;
use serde::{Deserialize, Deserializer};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) format: Format,
    pub(super) streams: Vec<Stream>,
    /// Programmes of a transport stream, in the order of their tables.
    programs: Vec<Program>,
    /// Only counted here.
    pub(super) chapters: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Program {
    program_num: u16,
    streams: Vec<Member>,
}

/// A stream of a programme, by its index in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Member {
    index: u32,
}

impl Program {
    fn lists(&self, stream: &Stream) -> bool {
        self.streams.iter().any(|member| member.index == stream.index)
    }
}

impl Header {
    /// Number of the first programme that lists a stream.
    pub(super) fn programme_of(&self, stream: &Stream) -> Option<u16> {
        self.programs.iter().find(|it| it.lists(stream)).map(|it| it.program_num)
    }

    /// Index of the cover, where there is one.
    pub(super) fn cover(&self) -> Option<u32> {
        self.streams.iter().find(|stream| stream.is_cover()).map(|stream| stream.index)
    }

    /// True when two streams are of one programme, or when one of them is of none: a file whose tables
    /// list only the other is one programme all the same.
    pub(super) fn are_together(&self, one: &Stream, other: &Stream) -> bool {
        let listed = |stream: &Stream| self.programs.iter().any(|it| it.lists(stream));
        let both = self.programs.iter().any(|it| it.lists(one) && it.lists(other));
        both || !listed(one) || !listed(other)
    }
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
    #[serde(deserialize_with = "number")]
    duration: Option<f64>,
}

impl Format {
    /// Duration of the file in microseconds.
    pub(super) fn duration_us(&self) -> Option<i64> {
        self.duration.map(micros)
    }

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
    /// The container's own number of the stream, in hexadecimal.
    id: String,
    pub(super) codec_type: String,
    pub(super) codec_name: Option<String>,
    pub(super) codec_tag_string: String,
    pub(super) profile: Option<String>,
    pub(super) pix_fmt: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect_ratio: String,
    pub(super) has_b_frames: u32,
    pub(super) color_range: Option<String>,
    pub(super) color_space: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) color_primaries: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) r_frame_rate: String,
    pub(super) avg_frame_rate: String,
    time_base: String,
    #[serde(deserialize_with = "number")]
    start_time: Option<f64>,
    #[serde(deserialize_with = "number")]
    duration: Option<f64>,
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
#[expect(clippy::struct_excessive_bools, reason = "the flags as ffprobe prints them")]
pub(super) struct Disposition {
    #[serde(deserialize_with = "flag")]
    pub(super) default: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) attached_pic: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) still_image: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) forced: bool,
    #[serde(deserialize_with = "flag")]
    dub: bool,
    #[serde(deserialize_with = "flag")]
    original: bool,
    #[serde(deserialize_with = "flag")]
    comment: bool,
    #[serde(deserialize_with = "flag")]
    hearing_impaired: bool,
    #[serde(deserialize_with = "flag")]
    visual_impaired: bool,
    #[serde(deserialize_with = "flag")]
    descriptions: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) dependent: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) timed_thumbnails: bool,
}

impl Disposition {
    /// True for speech in the language that the film was made in.
    pub(super) fn is_original(&self) -> bool {
        self.original
    }

    /// True for pictures that are the film itself: no layer of others, no commentary on them, none with
    /// an interpreter or a description for some viewers.
    pub(super) fn is_film(&self) -> bool {
        let beside = self.dependent || self.timed_thumbnails || self.comment;
        !beside && !self.hearing_impaired && !self.visual_impaired && !self.descriptions
    }

    /// What a track of sound is for; `translated` where another track is in the original language.
    pub(super) fn role(&self, translated: bool) -> AudioRole {
        if self.visual_impaired || self.descriptions {
            AudioRole::Described
        } else if self.comment {
            AudioRole::Commentary
        } else if self.hearing_impaired {
            AudioRole::ClearSpeech
        } else if self.dub || translated {
            AudioRole::Dub
        } else {
            AudioRole::Main
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SideData {
    pub(super) rotation: Option<f64>,
    pub(super) dv_profile: Option<u8>,
    dv_bl_signal_compatibility_id: Option<u8>,
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
    /// Unit of the packets' times.
    pub(super) fn time_base(&self) -> TimeBase {
        let parts = self.time_base.split_once('/');
        let parts = parts.and_then(|(num, den)| Some((num.parse().ok()?, den.parse().ok()?)));
        let (num, den) = parts.filter(|&(num, den)| num > 0 && den > 0).unwrap_or((1, 1_000_000));
        TimeBase { num, den }
    }

    /// Start of the stream in microseconds, when ffprobe knows it.
    pub(super) fn start_us(&self) -> Option<i64> {
        self.start_time.map(micros)
    }

    pub(super) fn is_audio(&self) -> bool {
        self.codec_type == "audio"
    }

    /// Packet identifier in a transport stream.
    pub(super) fn pid(&self) -> Option<u16> {
        u16::from_str_radix(self.id.strip_prefix("0x")?, 16).ok()
    }

    /// True when enough is known to decode it: what no packet has told yet is left out or 0.
    pub(super) fn is_known(&self) -> bool {
        let measured = if self.is_audio() { self.channels } else { self.width.min(self.height) };
        self.codec_name.is_some() && measured > 0
    }

    /// Name of the codec, or the container's tag for it where ffmpeg knows none.
    pub(super) fn codec_or_tag(&self) -> String {
        let known = self.codec_name.clone().filter(|name| name != "unknown" && name != "none");
        known.unwrap_or_else(|| self.codec_tag_string.clone())
    }

    pub(super) fn is_subtitle(&self) -> bool {
        self.codec_type == "subtitle"
    }

    /// True for a still picture that comes with the file, such as the cover of an album.
    pub(super) fn is_cover(&self) -> bool {
        self.codec_type == "video" && self.disposition.attached_pic
    }

    /// A tag, unless it is empty.
    pub(super) fn tag(&self, name: &str) -> Option<String> {
        self.tags.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// The language the file names; `und` says that it names none.
    pub(super) fn language(&self) -> Option<String> {
        self.tag("language").filter(|language| language != "und")
    }

    /// True for Dolby Vision whose base layer means nothing without Dolby's own colour mathematics:
    /// profile 5, and profile 10 without compatibility (10.0).
    pub(super) fn is_dolby_vision_only(&self) -> bool {
        let mut sides = self.side_data_list.iter();
        sides.any(|side| match (side.dv_profile, side.dv_bl_signal_compatibility_id) {
            (Some(profile), compatible) => profile == 5 || (profile == 10 && compatible == Some(0)),
            (None, _) => false,
        })
    }

    /// Dolby Vision profile, when the stream carries one.
    pub(super) fn dolby_vision(&self) -> Option<u8> {
        self.side_data_list.iter().find_map(|side| side.dv_profile)
    }

    pub(super) fn is_picture(&self) -> bool {
        self.codec_type == "video"
            && !self.disposition.attached_pic
            && !self.disposition.still_image
    }

    /// Sample aspect ratio; 1:1 when it is not given or makes no sense.
    pub(super) fn sample_aspect(&self) -> (u32, u32) {
        self.stated_aspect().filter(|&(num, den)| is_shape(num, den)).unwrap_or((1, 1))
    }

    /// The sample aspect ratio that is stated although no picture has that shape.
    pub(super) fn impossible_aspect(&self) -> Option<(u32, u32)> {
        self.stated_aspect().filter(|&(num, den)| !is_shape(num, den))
    }

    fn stated_aspect(&self) -> Option<(u32, u32)> {
        let (num, den) = self.sample_aspect_ratio.split_once(':')?;
        let ratio: (u32, u32) = (num.parse().ok()?, den.parse().ok()?);
        Some(ratio).filter(|&(num, den)| num > 0 && den > 0)
    }

    /// How long the pictures that the header counts last at their rate, in microseconds.
    pub(super) fn counted_us(&self) -> Option<i64> {
        let rate: FrameRate = self.avg_frame_rate.parse().ok()?;
        Some(micros(self.nb_frames? as f64 / rate.as_f64()))
    }

    /// Duration of the stream in microseconds as the header states it, edits included.
    pub(super) fn duration_us(&self) -> Option<i64> {
        self.duration.map(micros)
    }
}

/// Samples are at most so many times as wide as high, or as high as wide: twice in anamorphic
/// formats, nearly three times where half the lines or columns were dropped too.
const ASPECT_MAX: u32 = 5;

fn is_shape(num: u32, den: u32) -> bool {
    num <= den.saturating_mul(ASPECT_MAX) && den <= num.saturating_mul(ASPECT_MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_say_what_sound_is_for() {
        let role = |flag: &str, translated| {
            let flags: Disposition = serde_json::from_value(serde_json::json!({flag: 1})).unwrap();
            flags.role(translated)
        };
        for (flag, right) in [
            ("default", AudioRole::Main),
            ("original", AudioRole::Main),
            ("dub", AudioRole::Dub),
            ("comment", AudioRole::Commentary),
            ("hearing_impaired", AudioRole::ClearSpeech),
            ("visual_impaired", AudioRole::Described),
            ("descriptions", AudioRole::Described),
        ] {
            assert_eq!(role(flag, false), right, "{flag}");
        }
        assert_eq!(role("default", true), AudioRole::Dub);
        assert_eq!(role("comment", true), AudioRole::Commentary);
    }

    #[test]
    fn dolby_vision_without_a_base_layer_is_known() {
        let only = |profile: u8, compatible: u8| {
            let stream: Stream = serde_json::from_value(serde_json::json!({"side_data_list": [
                {"rotation": -90.0},
                {"dv_profile": profile, "dv_bl_signal_compatibility_id": compatible}
            ]}))
            .unwrap();
            stream.is_dolby_vision_only()
        };
        assert!(only(5, 0) && only(10, 0));
        assert!(!only(8, 4) && !only(8, 1) && !only(7, 6) && !only(10, 1));
        assert!(!Stream::default().is_dolby_vision_only());
    }
}
