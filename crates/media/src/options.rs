//! The options of a video, as written in the `options` object of a request.
//!
//! Unknown fields are refused; the caller reports their path. Nothing here is resolved against a
//! source: `ladder` does that.

mod delivery;
mod extras;
mod picture;
mod sound;
mod switch;

pub use delivery::published_prefix;
pub use extras::{Mp4Option, PreviewOption, SpritesOption};
pub use picture::{
    ChaptersOption, EncoderOption, Position, ThumbnailMode, ThumbnailOption, WatermarkImage,
    WatermarkOption,
};
pub use sound::{AudioTracks, LoudnessOption};
pub use switch::Switch;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bitrate::Bitrate;

/// Longest rung name accepted; it becomes a folder name in the store.
const NAME_CHARS_MAX: usize = 32;
/// Prefixes of output folders that are not rungs.
const NOT_RUNGS: [&str; 6] = ["audio-", "subtitles-", "mp4", "preview", "sprites", "waveform"];
/// Most rungs one video may ask for.
pub const RUNGS_MAX: usize = 12;
/// Smallest and largest short side of a rung, in pixels.
pub const RUNG_HEIGHT: std::ops::RangeInclusive<u32> = 16..=4320;
/// Temporal's priority keys in use: 1 is served first.
pub const PRIORITY: std::ops::RangeInclusive<u8> = 1..=5;

/// Options of one video; every field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Names from the built-in ladder, such as `["1080p", "720p"]`. Not together with `ladder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["1080p", "720p"]), max_items = 12)]
    pub resolutions: Option<Vec<String>>,
    /// Rungs spelled out. Not together with `resolutions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 12)]
    pub ladder: Option<Vec<RungOption>>,
    /// x264 preset: speed against size. Default `veryfast`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// 1 (served first) to 5; default 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 5)]
    pub priority: Option<u8>,
    /// What encodes the picture; default `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderOption>,
    /// A still picture of the video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<ThumbnailOption>,
    /// A mark in every rendition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<WatermarkOption>,
    /// Chapters at scene changes. Without it, chapters of the source are taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chapters: Option<ChaptersOption>,
    /// One progressive MP4 per rung: `true` for all, or names of rungs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mp4: Option<Mp4Option>,
    /// Brings the sound to one loudness (EBU R 128).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Switch<LoudnessOption>>,
    /// Which audio tracks become renditions; default `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_tracks: Option<AudioTracks>,
    /// Text subtitles of the source become renditions; default `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitles: Option<bool>,
    /// Peaks of the sound as data and picture; default `true` for sources without pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waveform: Option<bool>,
    /// A short clip with its own playlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Switch<PreviewOption>>,
    /// Small pictures for the player's time bar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sprites: Option<Switch<SpritesOption>>,
    /// A master copy of high quality (CRF 18) in the mezzanine store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mezzanine: Option<bool>,
    /// Leaves the pictures out: the video becomes sound alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_only: Option<bool>,
    /// Where the finished video is copied to, in the bucket `published`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "channel-7/clip", max_length = 512)]
    pub output_prefix: Option<String>,
    /// Address of the bucket as players see it: every address in every playlist is then absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://cdn.example.com/published", max_length = 2048)]
    pub playlist_base_url: Option<String>,
}

/// One wanted rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RungOption {
    /// Folder and display name: letters, digits, `-` and `_`.
    #[schema(example = "720p", max_length = 32)]
    pub name: String,
    /// Short side in pixels.
    #[schema(minimum = 16, maximum = 4320)]
    pub height: u32,
    /// Mean video bit rate, such as `3M`.
    #[schema(value_type = String, example = "3M")]
    pub bitrate: Bitrate,
    /// Audio bit rate, such as `128k`; default 128k.
    #[serde(default = "default_audio")]
    #[schema(value_type = String, example = "128k")]
    pub audio_bitrate: Bitrate,
}

fn default_audio() -> Bitrate {
    Bitrate::kilobits(128)
}

/// The presets of x264, from fastest to smallest output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are x264's own and are explained in its manual")]
pub enum Preset {
    Ultrafast,
    Superfast,
    #[default]
    Veryfast,
    Faster,
    Fast,
    Medium,
    Slow,
    Slower,
    Veryslow,
}

impl Preset {
    /// The name as x264 and ffmpeg spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
            Self::Slower => "slower",
            Self::Veryslow => "veryslow",
        }
    }
}

/// An option that cannot be met, with the path of the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("options.{path}: {reason}")]
pub struct InvalidOption {
    /// Path below `options`, such as `ladder[2].name`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub reason: String,
}

impl InvalidOption {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

impl Options {
    /// Checks everything that can be known without the source.
    pub fn validate(&self) -> Result<(), InvalidOption> {
        if self.resolutions.is_some() && self.ladder.is_some() {
            return Err(InvalidOption::new(
                "ladder",
                "give either `resolutions` or `ladder`, not both",
            ));
        }
        if let Some(priority) = self.priority
            && !PRIORITY.contains(&priority)
        {
            return Err(InvalidOption::new("priority", "must be from 1 (first) to 5 (last)"));
        }
        let rungs = crate::ladder::requested(self)?;
        distinct_folders(&rungs)?;
        self.thumbnail.iter().try_for_each(|thumbnail| thumbnail.validate("thumbnail"))?;
        self.watermark.iter().try_for_each(|watermark| watermark.validate("watermark"))?;
        self.chapters.iter().try_for_each(|chapters| chapters.validate("chapters"))?;
        self.mp4.iter().try_for_each(|mp4| mp4.validate("mp4", &rungs))?;
        self.loudness().iter().try_for_each(|loudness| loudness.validate("loudness"))?;
        self.preview().iter().try_for_each(|preview| preview.validate("preview"))?;
        self.sprites().iter().try_for_each(|sprites| sprites.validate("sprites"))?;
        self.output_prefix.iter().try_for_each(|prefix| delivery::check_prefix(prefix))?;
        self.playlist_base_url.iter().try_for_each(|base| delivery::check_base(base))
    }

    /// The target loudness, if any.
    pub fn loudness(&self) -> Option<LoudnessOption> {
        self.loudness.as_ref().and_then(Switch::on)
    }

    /// The preview to make, if any.
    pub fn preview(&self) -> Option<PreviewOption> {
        self.preview.as_ref().and_then(Switch::on)
    }

    /// The sprites to make, if any.
    pub fn sprites(&self) -> Option<SpritesOption> {
        self.sprites.as_ref().and_then(Switch::on)
    }

    /// Priority key for Temporal.
    pub fn priority_key(&self) -> u8 {
        self.priority.unwrap_or(3)
    }
}

/// Refuses audio bit rates that differ by less than the folders named after them tell: those are in
/// whole kilobits. Checked at the door only, so that a job that was let in before goes on.
fn distinct_folders(rungs: &[RungOption]) -> Result<(), InvalidOption> {
    for (at, rung) in rungs.iter().enumerate() {
        let rate = rung.audio_bitrate;
        let mut before = rungs.iter().take(at).map(|rung| rung.audio_bitrate);
        if before.any(|other| other != rate && other.kbps() == rate.kbps()) {
            let path = format!("ladder[{at}].audio_bitrate");
            let reason = "must be that of another rung, or differ from it by 1k or more";
            return Err(InvalidOption::new(path, reason));
        }
    }
    Ok(())
}

impl RungOption {
    pub(crate) fn validate(&self, path: &str) -> Result<(), InvalidOption> {
        let named = !self.name.is_empty()
            && self.name.len() <= NAME_CHARS_MAX
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !named {
            return Err(InvalidOption::new(
                format!("{path}.name"),
                format!("must be 1 to {NAME_CHARS_MAX} letters, digits, `-` or `_`"),
            ));
        }
        let name = self.name.to_ascii_lowercase();
        if let Some(prefix) = NOT_RUNGS.iter().find(|prefix| name.starts_with(**prefix)) {
            let reason = format!("must not start with `{prefix}`");
            return Err(InvalidOption::new(format!("{path}.name"), reason));
        }
        if !RUNG_HEIGHT.contains(&self.height) {
            return Err(InvalidOption::new(
                format!("{path}.height"),
                format!("must be from {} to {}", RUNG_HEIGHT.start(), RUNG_HEIGHT.end()),
            ));
        }
        if !(8_000..=512_000).contains(&self.audio_bitrate.bits()) {
            return Err(InvalidOption::new(
                format!("{path}.audio_bitrate"),
                "must be from 8k to 512k",
            ));
        }
        if !(10_000..=200_000_000).contains(&self.bitrate.bits()) {
            return Err(InvalidOption::new(format!("{path}.bitrate"), "must be from 10k to 200M"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(options: serde_json::Value) -> String {
        let options: Options = serde_json::from_value(options).unwrap();
        options.validate().unwrap_err().path
    }

    #[test]
    fn rungs_do_not_share_a_folder_with_other_outputs() {
        for name in ["audio-64", "Subtitles-0", "mp4", "preview", "sprites", "waveform.png"] {
            let ladder = json!({"ladder": [{"name": name, "height": 360, "bitrate": "1M"}]});
            assert_eq!(refused(ladder), "ladder[0].name", "{name}");
        }
    }

    #[test]
    fn audio_bit_rates_do_not_share_a_folder() {
        let ladder = |rates: [u32; 2]| {
            let rung = |at: usize| json!({"name": format!("r{at}"), "height": 360, "bitrate": "1M", "audio_bitrate": rates[at]});
            json!({"ladder": [rung(0), rung(1)]})
        };
        assert_eq!(refused(ladder([128_000, 128_500])), "ladder[1].audio_bitrate");
        for different in [[128_000, 128_000], [128_000, 129_000], [128_500, 128_500]] {
            let options: Options = serde_json::from_value(ladder(different)).unwrap();
            options.validate().unwrap();
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_path() {
        for (options, path) in [
            (json!({"thumbnail": {"mode": "timestamp"}}), "thumbnail.at_seconds"),
            (json!({"thumbnail": {"at_seconds": 3.0}}), "thumbnail.at_seconds"),
            (json!({"thumbnail": {"widths": [320, 15]}}), "thumbnail.widths[1]"),
            (json!({"watermark": {}}), "watermark"),
            (json!({"watermark": {"text": " \n"}}), "watermark.text"),
            (json!({"watermark": {"text": "a", "image": {"url": "b"}}}), "watermark.image"),
            (json!({"watermark": {"image": {"url": "a", "key": "b"}}}), "watermark.image"),
            (json!({"watermark": {"text": "a", "opacity": 1.1}}), "watermark.opacity"),
            (json!({"watermark": {"text": "a", "size": 0.0}}), "watermark.size"),
            (json!({"chapters": {"scene_threshold": -0.1}}), "chapters.scene_threshold"),
            (json!({"mp4": ["360p", "9000p"]}), "mp4[1]"),
            (json!({"loudness": {"integrated": -4.0}}), "loudness.integrated"),
            (json!({"preview": {"seconds": 0}}), "preview.seconds"),
            (json!({"sprites": {"width": 16}}), "sprites.width"),
            (json!({"priority": 6}), "priority"),
            (json!({"mp4": vec!["360p"; 60_000]}), "mp4"),
            (json!({"mp4": ["360p", "480p", "360p"]}), "mp4[2]"),
            (json!({"thumbnail": {"widths": [320, 640, 320]}}), "thumbnail.widths[2]"),
            (json!({"thumbnail": {"widths": vec![320; 9]}}), "thumbnail.widths"),
            (json!({"resolutions": ["360p", "360p"]}), "resolutions[1]"),
            (json!({"resolutions": vec!["360p"; 13]}), "resolutions"),
            (json!({"watermark": {"image": {"url": "a".repeat(4097)}}}), "watermark.image.url"),
            (
                json!({"watermark": {"image": {"bucket": "videos", "key": "a".repeat(1025)}}}),
                "watermark.image.key",
            ),
        ] {
            assert_eq!(refused(options.clone()), path, "{options}");
        }
    }
}
