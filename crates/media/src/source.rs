//! What the probe found about a source: the only description of it that the planner sees.
//!
//! Everything is bounded: nothing here grows with the length of the video.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{options::AudioTracks, timeline::Timeline};

mod repair;

pub use repair::Repair;

/// Longest distance of key frames in a source that is cut as it is, in seconds.
pub const KEY_INTERVAL_MAX: f64 = 60.0;
/// Audio tracks made at most.
const AUDIO_TRACKS_MAX: usize = 16;

/// Facts of one source file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Demuxer names as ffprobe gives them, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Size of the file.
    pub bytes: u64,
    /// ffmpeg's `start_time` of the file in microseconds: what `-ss` counts from.
    pub container_start_us: i64,
    /// The picture track, unless the source is audio only.
    pub video: Option<VideoFacts>,
    /// Audio tracks in stream order.
    pub audio: Vec<AudioFacts>,
    /// Why the source cannot be cut as it is; empty for standard sources.
    pub non_standard: Vec<NonStandard>,
    /// Errors the demuxer reported while reading every packet.
    pub demux_errors: u64,
    /// Subtitle tracks in stream order.
    #[serde(default)]
    pub subtitles: Vec<SubtitleFacts>,
    /// Chapters the container lists.
    #[serde(default)]
    pub chapters: u32,
    /// Tracks of all kinds the container lists; zero where nobody counted them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tracks: u32,
    /// Stream index of cover art: a still picture that is not a video.
    #[serde(default)]
    pub cover: Option<u32>,
    /// What made no sense and is put right.
    #[serde(default)]
    pub repairs: Vec<Repair>,
    /// Byte at which each programme but the first begins, where its streams are others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programmes: Vec<u64>,
    /// Bytes that ffmpeg has to look at before it knows all streams; 0 where its own bound is enough.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub depth: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_usual(depth: &u64) -> bool {
    *depth == 0
}

/// Facts of one subtitle track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleFacts {
    /// Stream index in the file.
    pub stream: u32,
    /// ffmpeg's codec name.
    pub codec: String,
    /// Language tag, as written in the file.
    pub language: Option<String>,
    /// Title, as written in the file.
    pub title: Option<String>,
    /// True when the file marks the track as default.
    pub default: bool,
    /// True when the file marks the track as to be shown always.
    pub forced: bool,
    /// Packets of the track, of which each holds a text; zero where nobody counted them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets: u32,
}

/// What was not counted is not written, so that results which are named by a hash of facts keep their
/// names.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Facts of the picture track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// Stream index in the file.
    pub stream: u32,
    /// ffmpeg's codec name, such as `h264`.
    pub codec: String,
    /// Codec profile, when known.
    pub profile: Option<String>,
    /// ffmpeg's pixel format name.
    pub pixel_format: String,
    /// Width in stored pixels, before rotation.
    pub coded_width: u32,
    /// Height in stored pixels, before rotation.
    pub coded_height: u32,
    /// Sample aspect ratio, (1, 1) when unknown.
    pub sample_aspect: (u32, u32),
    /// Turn to apply for display.
    pub rotation: Rotation,
    /// True when the display matrix mirrors the picture.
    pub mirrored: bool,
    /// True when the display matrix turns the picture by something else than quarters, which is not
    /// done: nothing upright comes of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub slanted: bool,
    /// Colour description.
    pub color: Color,
    /// Dolby Vision profile, when there is one.
    #[serde(default)]
    pub dolby_vision: Option<u8>,
    /// Field order as ffprobe names it (`progressive`, `tt`, …); `None` when unknown.
    pub field_order: Option<String>,
    /// When each frame is shown.
    pub timeline: Timeline,
    /// Packets in the file, those that an edit list hides included.
    pub packets: u64,
    /// Packets the container's header promises, when it does (mov's sample tables).
    pub frames_promised: Option<u64>,
    /// Where a seek in the container lands.
    #[serde(default)]
    pub seeks: Seeks,
}

/// Where a seek in a container lands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seeks {
    /// On a key frame: the container lists them, or its demuxer looks for one.
    #[default]
    KeyFrames,
    /// On any packet: decoding that starts there lacks references up to the next key frame.
    Packets,
}

impl Seeks {
    /// What ffmpeg does with a container, by the names of its demuxer. MPEG streams hold no index:
    /// libavformat/mpegts.c and mpeg.c search by time stamps, and any packet will do.
    pub fn of(container: &str) -> Self {
        let mpeg = container.split(',').any(|name| matches!(name, "mpegts" | "mpeg"));
        if mpeg { Self::Packets } else { Self::KeyFrames }
    }

    /// Longest way from one key frame to the next, in seconds, that chunks may decode beside their
    /// own pictures. Beyond it rewriting the source costs less: a chunk holds 12 s, decoding takes
    /// about an eighth of what encoding it takes, and rewriting about a third.
    pub fn key_interval_max(self) -> f64 {
        match self {
            // Half of it in the mean.
            Self::KeyFrames => KEY_INTERVAL_MAX,
            // Half of it in the mean, and the whole of it because the key frame must be aimed past.
            Self::Packets => KEY_INTERVAL_MAX / 3.0,
        }
    }
}

/// Clockwise turn that makes the picture upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rotation {
    /// Already upright.
    #[default]
    None,
    /// A quarter turn clockwise.
    Right,
    /// Upside down.
    Half,
    /// A quarter turn counter-clockwise.
    Left,
}

impl Rotation {
    /// True when width and height change places.
    pub fn swaps_sides(self) -> bool {
        matches!(self, Self::Right | Self::Left)
    }
}

/// Colour tags as ffmpeg names them; `None` when the source does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Color {
    /// `tv` or `pc`.
    pub range: Option<String>,
    /// Matrix coefficients, such as `bt709`.
    pub space: Option<String>,
    /// Transfer characteristics, such as `smpte2084`.
    pub transfer: Option<String>,
    /// Primaries, such as `bt2020`.
    pub primaries: Option<String>,
}

/// Facts of one audio track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioFacts {
    /// Stream index in the file.
    pub stream: u32,
    /// ffmpeg's codec name.
    pub codec: String,
    /// Number of channels.
    pub channels: u32,
    /// Channel layout as ffmpeg names it.
    pub layout: Option<String>,
    /// Samples per second.
    pub sample_rate: u32,
    /// Time of the first audible sample in microseconds, on the file's own clock.
    pub start_us: i64,
    /// End of the last packet in microseconds, on the file's own clock.
    pub end_us: i64,
    /// Packets in the file.
    pub packets: u64,
    /// Microseconds of sound that the packets hold by their own account; 0 when they do not say.
    #[serde(default)]
    pub packets_us: u64,
    /// True when the stamps of the packets start again within the track and mean nothing: the samples
    /// follow one another, and `end_us` counts them.
    #[serde(default)]
    pub counted: bool,
    /// BCP 47 or ISO 639 language tag, as written in the file.
    pub language: Option<String>,
    /// Title, as written in the file.
    pub title: Option<String>,
    /// True when the file marks the track as default.
    pub default: bool,
    /// What the track is for.
    #[serde(default)]
    pub role: AudioRole,
    /// The codec, where nothing here decodes it.
    #[serde(default)]
    pub undecodable: Option<String>,
}

/// What a track of sound is for, as the file marks it; first what is rather played by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioRole {
    /// The sound of the film.
    #[default]
    Main,
    /// Speech in another language than the film was made in.
    Dub,
    /// Speech that is easier to understand.
    ClearSpeech,
    /// Speech about the film.
    Commentary,
    /// Audio description: a narrator also says what is seen.
    Described,
}

impl AudioFacts {
    /// True when there is sound that can be played.
    pub fn is_usable(&self) -> bool {
        self.channels > 0 && self.packets > 0 && self.undecodable.is_none()
    }
}

/// A reason for taking the safe path: one sequential pass into a well-formed intermediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NonStandard {
    /// The container cannot be sought: it has no index or no time stamps to seek by.
    NoIndex,
    /// A packet of the picture track has no presentation time.
    MissingTimestamps,
    /// Presentation times jump backwards or wrap.
    BrokenTimestamps,
    /// The picture size changes within the stream.
    SizeChange,
    /// The first frames cannot be decoded: the stream starts within a GOP.
    NoLeadingKeyFrame,
    /// A seek does not land where the index says.
    UnreliableSeek,
    /// Too few key frames: every chunk would decode the video from its start.
    SparseKeyFrames,
    /// Another programme follows whose streams have other codecs or identifiers.
    ProgrammeChange,
    /// A picture or sound track begins so late in the file that readers do not find it by themselves.
    LateStream,
}

impl NonStandard {
    /// The reason as written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoIndex => "no_index",
            Self::MissingTimestamps => "missing_timestamps",
            Self::BrokenTimestamps => "broken_timestamps",
            Self::SizeChange => "size_change",
            Self::NoLeadingKeyFrame => "no_leading_key_frame",
            Self::UnreliableSeek => "unreliable_seek",
            Self::SparseKeyFrames => "sparse_key_frames",
            Self::ProgrammeChange => "programme_change",
            Self::LateStream => "late_stream",
        }
    }
}

impl VideoFacts {
    /// How much earlier than the first picture wanted a seek must aim, in microseconds, so that a
    /// key frame lies between: the longest way from one to the next, and a second more for decode
    /// times and for what varying rates make of it.
    pub fn seek_back_us(&self) -> i64 {
        let line = &self.timeline;
        let span = line.time_base.seconds(line.last_ticks - line.start_ticks);
        let mean = span / line.frames.max(1) as f64;
        let interval = line.key_interval_max as f64 * mean.max(1.0 / line.rate.as_f64());
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of any file fit")]
        match self.seeks {
            Seeks::KeyFrames => 0,
            Seeks::Packets => (interval * 1e6) as i64 + 1_000_000,
        }
    }

    /// Size in square pixels, upright, not yet rounded to even numbers.
    pub fn display_size(&self) -> (f64, f64) {
        let (num, den) = self.sample_aspect;
        let width = f64::from(self.coded_width) * f64::from(num.max(1)) / f64::from(den.max(1));
        let height = f64::from(self.coded_height);
        if self.rotation.swaps_sides() { (height, width) } else { (width, height) }
    }

    /// Whether a picture is one moment or two.
    pub fn scan(&self) -> Scan {
        match self.field_order.as_deref() {
            Some("tt" | "bb" | "tb" | "bt") => Scan::Interlaced,
            Some("progressive") => Scan::Progressive,
            _ if MAY_INTERLACE.contains(&self.codec.as_str()) => Scan::Unsaid,
            _ => Scan::Progressive,
        }
    }

    /// True when the brightness follows PQ or HLG.
    pub fn is_hdr(&self) -> bool {
        matches!(self.color.transfer.as_deref(), Some("smpte2084" | "arib-std-b67"))
    }

    /// True when colours are measured along primaries wider than those of BT.709 and BT.601.
    pub fn is_wide_gamut(&self) -> bool {
        matches!(self.color.primaries.as_deref(), Some("bt2020" | "smpte431" | "smpte432"))
            || matches!(self.color.space.as_deref(), Some("bt2020nc" | "bt2020c"))
    }

    /// True when pixels are stored as red, green and blue.
    pub fn is_rgb(&self) -> bool {
        let format = self.pixel_format.trim_start_matches(['a', 'x', '0', '2']);
        ["rgb", "bgr", "gbr", "pal8"].iter().any(|name| format.starts_with(name))
    }
}

/// Codecs in which each picture may say for itself that it is interlaced.
const MAY_INTERLACE: [&str; 5] = ["h264", "mpeg2video", "vc1", "dvvideo", "prores"];

/// How the lines of a picture belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// All lines show the same moment.
    Progressive,
    /// Every other line shows another moment.
    Interlaced,
    /// The file does not say; each picture may.
    Unsaid,
}

impl SourceFacts {
    /// The audio track that is played: one marked as default, else by what it is for, else the one
    /// with most channels, else the first; tracks that cannot be played never. Files often mark every
    /// track as default; then, too, what it is for decides.
    pub fn main_audio(&self) -> Option<&AudioFacts> {
        let usable = || self.audio.iter().filter(|audio| audio.is_usable());
        let marked = usable().filter(|audio| audio.default).min_by_key(|audio| audio.role);
        marked.or_else(|| {
            usable().min_by_key(|audio| (audio.role, std::cmp::Reverse(audio.channels)))
        })
    }

    /// The audio tracks that become renditions, the main one first, the others in stream order.
    pub fn played_audio(&self, tracks: AudioTracks) -> Vec<&AudioFacts> {
        let Some(main) = self.main_audio() else { return Vec::new() };
        let others = self
            .audio
            .iter()
            .filter(|audio| audio.is_usable())
            .filter(|audio| audio.stream != main.stream);
        let others = others.take(match tracks {
            AudioTracks::All => AUDIO_TRACKS_MAX - 1,
            AudioTracks::Default => 0,
        });
        std::iter::once(main).chain(others).collect()
    }

    /// Start of the output on the file's own clock, in microseconds: the first picture, or the
    /// first sound where there is no picture.
    pub fn start_us(&self) -> i64 {
        match &self.video {
            Some(video) => video.timeline.start_us(),
            None => self.main_audio().map_or(0, |audio| audio.start_us),
        }
    }

    /// Lengthens the picture's time line to that of the sound that is played by default.
    pub fn cover_sound(&mut self) {
        let Some(sound) = self.main_audio().map(|audio| audio.start_us..audio.end_us) else {
            return;
        };
        if let Some(video) = &mut self.video {
            video.timeline.cover(sound);
        }
    }

    /// Duration of what is played, in seconds.
    pub fn duration_seconds(&self) -> f64 {
        match (&self.video, self.main_audio()) {
            (Some(video), _) => video.timeline.grid().duration_seconds(),
            (None, Some(audio)) => (audio.end_us - audio.start_us) as f64 / 1e6,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main(tracks: &[(bool, AudioRole, u32)]) -> u32 {
        let mut facts = fixtures::source("25", 250);
        let track = |(stream, &(default, role, channels)): (u32, &(bool, AudioRole, u32))| {
            AudioFacts { stream, channels, default, role, ..fixtures::audio(0, 1_000_000) }
        };
        facts.audio = (0..).zip(tracks).map(track).collect();
        facts.main_audio().unwrap().stream
    }

    #[test]
    fn the_main_track_is_the_one_marked_then_the_film_then_the_richest() {
        use AudioRole::{Commentary, Described, Dub, Main};
        assert_eq!(main(&[(false, Main, 6), (true, Main, 2)]), 1);
        assert_eq!(main(&[(true, Described, 2), (true, Main, 2), (true, Main, 6)]), 1);
        assert_eq!(main(&[(false, Commentary, 6), (false, Dub, 2), (false, Described, 8)]), 1);
        assert_eq!(main(&[(false, Main, 2), (false, Main, 6), (false, Main, 6)]), 1);
        assert_eq!(main(&[(false, Main, 2), (true, Described, 2)]), 1);
    }

    #[test]
    fn what_nobody_decodes_is_not_played() {
        let mut facts = fixtures::source("25", 250);
        let silent = AudioFacts { undecodable: Some("ac-4".into()), ..fixtures::audio(0, 1) };
        let spoken = AudioFacts { stream: 2, default: false, ..fixtures::audio(0, 1) };
        facts.audio = vec![silent, spoken];
        assert_eq!(facts.main_audio().unwrap().stream, 2);
        assert_eq!(facts.played_audio(AudioTracks::All).len(), 1);
        facts.audio.truncate(1);
        assert!(facts.main_audio().is_none() && facts.played_audio(AudioTracks::All).is_empty());
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;
    use crate::timeline::TimeBase;

    pub(crate) fn audio(start_us: i64, end_us: i64) -> AudioFacts {
        AudioFacts {
            stream: 1,
            codec: "aac".into(),
            channels: 2,
            layout: Some("stereo".into()),
            sample_rate: 48_000,
            start_us,
            end_us,
            packets: 100,
            packets_us: 0,
            counted: false,
            language: Some("eng".into()),
            title: None,
            default: true,
            role: AudioRole::Main,
            undecodable: None,
        }
    }

    pub(crate) fn source(rate: &str, frames: u64) -> SourceFacts {
        let rate: crate::rate::FrameRate = rate.parse().unwrap();
        let time_base = TimeBase { num: rate.den(), den: rate.num() };
        let last = i64::try_from(frames).unwrap() - 1;
        let timeline = Timeline {
            time_base,
            start_ticks: 0,
            lead_ticks: 0,
            last_ticks: last,
            frames,
            rate,
            constant: true,
            grid_frames: frames,
            gap_frames_max: 1,
            key_frames: frames / 50 + 1,
            key_interval_max: 50,
            holds: vec![],
            finer: false,
        };
        let video = VideoFacts {
            stream: 0,
            codec: "h264".into(),
            profile: Some("High".into()),
            pixel_format: "yuv420p".into(),
            coded_width: 1920,
            coded_height: 1080,
            sample_aspect: (1, 1),
            rotation: Rotation::None,
            mirrored: false,
            slanted: false,
            color: Color::default(),
            dolby_vision: None,
            field_order: None,
            timeline,
            packets: frames,
            frames_promised: Some(frames),
            seeks: Seeks::KeyFrames,
        };
        SourceFacts {
            container: "mov,mp4,m4a,3gp,3g2,mj2".into(),
            bytes: 1_000_000,
            container_start_us: 0,
            video: Some(video),
            audio: vec![audio(0, 1_000_000)],
            non_standard: vec![],
            demux_errors: 0,
            subtitles: vec![],
            chapters: 0,
            tracks: 0,
            cover: None,
            repairs: vec![],
            programmes: vec![],
            depth: 0,
        }
    }
}
