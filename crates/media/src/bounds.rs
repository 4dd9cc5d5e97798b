//! How much work a source may cause: known from its probe, before anything is decoded.
//!
//! The limits are part of the job, not of the machine that works on it, so that every worker comes to
//! the same decision.

use serde::{Deserialize, Serialize};

use crate::source::SourceFacts;

/// Length that is taken unless the operator says otherwise, in seconds: 12 hours.
pub const DURATION_SECONDS_MAX: u32 = 12 * 3600;
/// Pixels of a picture that are taken unless the operator says otherwise: 8192×4320, which the highest
/// levels of AVC and HEVC reach.
pub const PIXELS_MAX: u64 = 8192 * 4320;
/// Pictures a second that are taken unless the operator says otherwise: above any camera that people
/// carry.
pub const FPS_MAX: u32 = 480;
/// Thousands of millions of pixels that are decoded for one video unless the operator says otherwise:
/// 12 hours of 3840×2160 at 30 pictures a second are 10,750.
pub const GIGAPIXELS_MAX: u64 = 12_000;
/// Frames of the output that are made unless the operator says otherwise: 12 hours at 60 a second, and
/// a hundredth more for rates a little above that. A few pictures close together set a rate, and one
/// twelve hours later the length.
pub const FRAMES_MAX: u64 = 2_618_000;
/// Seconds of a track of sound without sound that are filled unless the operator says otherwise.
pub const GAP_SECONDS_MAX: u32 = DURATION_SECONDS_MAX;
/// Tracks that are taken unless the operator says otherwise, cover pictures and subtitles included.
pub const TRACKS_MAX: u32 = 256;
/// Chapters that are taken unless the operator says otherwise.
pub const CHAPTERS_MAX: u32 = 10_000;
/// Texts of one subtitle track that are taken unless the operator says otherwise: four a second for 12
/// hours and more.
pub const CUES_MAX: u32 = 200_000;
/// Bytes of renditions for each byte of the source that are made unless the operator says otherwise.
pub const OUTPUT_RATIO_MAX: u32 = 1000;
/// Bytes that the renditions of any source may have, however small it is.
const OUTPUT_BYTES_FREE: u64 = 1 << 30;

/// What a source may be; a limit that is not there does not hold, as for jobs from before there was
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceLimits {
    /// Longest source, in seconds.
    pub duration_seconds: Option<u32>,
    /// Most pixels of a picture.
    pub pixels: Option<u64>,
    /// Most pictures a second, on average.
    pub fps: Option<u32>,
    /// Most pixels of all pictures together, in thousands of millions: what decoding the source costs.
    pub gigapixels: Option<u64>,
    /// Most frames of the output.
    pub frames: Option<u64>,
    /// Most seconds of a track of sound that hold none.
    pub gap_seconds: Option<u32>,
    /// Most tracks of all kinds.
    pub tracks: Option<u32>,
    /// Most chapters.
    pub chapters: Option<u32>,
    /// Most texts of one subtitle track.
    pub cues: Option<u32>,
    /// Most bytes of renditions for each byte of the source, beside a GiB for any source.
    pub output_ratio: Option<u32>,
}

/// A source that is more work than is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source {is}; at most {limit} (--{flag})")]
pub struct TooLarge {
    is: String,
    limit: String,
    flag: &'static str,
}

impl SourceLimits {
    /// Every source is taken.
    pub const NONE: Self = Self {
        duration_seconds: None,
        pixels: None,
        fps: None,
        gigapixels: None,
        frames: None,
        gap_seconds: None,
        tracks: None,
        chapters: None,
        cues: None,
        output_ratio: None,
    };

    /// Checks a source; the first limit that it exceeds is named with its flag.
    pub fn check(&self, facts: &SourceFacts) -> Result<(), TooLarge> {
        self.check_lists(facts)?;
        let seconds = longest_seconds(facts);
        if let Some(limit) = self.duration_seconds
            && seconds > f64::from(limit)
        {
            let (is, limit) = (format!("lasts {seconds:.0} s"), format!("{limit} s are taken"));
            return Err(TooLarge { is, limit, flag: "max-duration" });
        }
        let gap = longest_gap_seconds(facts);
        if let Some(limit) = self.gap_seconds
            && gap > f64::from(limit)
        {
            let (is, limit) = (
                format!("has {gap:.0} s without sound in a track of it"),
                format!("{limit} s are filled"),
            );
            return Err(TooLarge { is, limit, flag: "max-gap" });
        }
        self.check_pictures(facts)
    }

    /// How much the container lists.
    fn check_lists(&self, facts: &SourceFacts) -> Result<(), TooLarge> {
        let lists = [
            (facts.tracks, self.tracks, "tracks", "max-tracks"),
            (facts.chapters, self.chapters, "chapters", "max-chapters"),
        ];
        for (count, limit, of, flag) in lists {
            if let Some(limit) = limit.filter(|limit| count > *limit) {
                let (is, limit) = (format!("has {count} {of}"), format!("{limit} are taken"));
                return Err(TooLarge { is, limit, flag });
            }
        }
        let cues = facts.subtitles.iter().map(|track| track.packets).max().unwrap_or(0);
        if let Some(limit) = self.cues.filter(|limit| cues > *limit) {
            let is = format!("has a subtitle track of {cues} texts");
            return Err(TooLarge { is, limit: format!("{limit} are taken"), flag: "max-cues" });
        }
        Ok(())
    }

    /// What the renditions of a source of so many bytes may have.
    pub fn output(&self, source_bytes: u64) -> OutputLimit {
        OutputLimit { source_bytes, ratio: self.output_ratio, made: 0 }
    }

    fn check_pictures(&self, facts: &SourceFacts) -> Result<(), TooLarge> {
        let Some(video) = &facts.video else { return Ok(()) };
        let (width, height) = (u64::from(video.coded_width), u64::from(video.coded_height));
        if let Some(limit) = self.pixels
            && width * height > limit
        {
            let is =
                format!("has pictures of {width}x{height}, which are {} pixels", width * height);
            return Err(TooLarge { is, limit: format!("{limit} are taken"), flag: "max-pixels" });
        }
        if let Some(limit) = self.fps
            && let Some(fps) = mean_fps(facts)
            && fps > f64::from(limit) + 0.5
        {
            let is = format!("has {fps:.0} pictures a second");
            return Err(TooLarge { is, limit: format!("{limit} are taken"), flag: "max-fps" });
        }
        let frames = video.timeline.grid().frames;
        if let Some(limit) = self.frames
            && frames > limit
        {
            let is = format!("would become {frames} frames");
            return Err(TooLarge { is, limit: format!("{limit} are made"), flag: "max-frames" });
        }
        let pixels = u128::from(width * height) * u128::from(video.packets);
        if let Some(limit) = self.gigapixels
            && pixels > u128::from(limit) * 1_000_000_000
        {
            let is = format!(
                "has {} pictures of {width}x{height}, together {} gigapixels to decode",
                video.packets,
                pixels.div_ceil(1_000_000_000)
            );
            let limit = format!("{limit} are decoded");
            return Err(TooLarge { is, limit, flag: "max-decoded-gigapixels" });
        }
        Ok(())
    }
}

/// What the renditions of one source may have in bytes, and how much they have so far. What an encoder
/// makes of a small source is known only once it is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputLimit {
    source_bytes: u64,
    ratio: Option<u32>,
    made: u64,
}

impl OutputLimit {
    /// Counts bytes that were made; an error when there are more than are allowed.
    pub fn count(&mut self, bytes: u64) -> Result<(), TooLarge> {
        self.made = self.made.saturating_add(bytes);
        let Some(ratio) = self.ratio else { return Ok(()) };
        let most = self.source_bytes.saturating_mul(ratio.into()).saturating_add(OUTPUT_BYTES_FREE);
        if self.made <= most {
            return Ok(());
        }
        let is = format!("has {} bytes and renditions of {}", self.source_bytes, self.made);
        let limit = format!("{most} are made of it, {ratio} for each byte and a GiB");
        Err(TooLarge { is, limit, flag: "max-output-ratio" })
    }
}

/// Length of the longest track: each is read to its end.
fn longest_seconds(facts: &SourceFacts) -> f64 {
    let sound = facts.audio.iter().map(|audio| (audio.end_us - audio.start_us) as f64 / 1e6);
    sound.fold(facts.duration_seconds(), f64::max)
}

/// Seconds between first and last sound of a track for which it has none, of the track with most. Says
/// nothing of tracks whose packets do not say how long they are.
fn longest_gap_seconds(facts: &SourceFacts) -> f64 {
    let told = facts.audio.iter().filter(|audio| audio.packets_us > 0 && !audio.counted);
    let gaps = told.map(|audio| {
        let span = u64::try_from(audio.end_us - audio.start_us).unwrap_or(0);
        span.saturating_sub(audio.packets_us) as f64 / 1e6
    });
    gaps.fold(0.0, f64::max)
}

/// Pictures a second over the whole track; `None` for less than a second's worth, where an average
/// says nothing.
fn mean_fps(facts: &SourceFacts) -> Option<f64> {
    let video = facts.video.as_ref()?;
    let line = &video.timeline;
    let seconds =
        line.time_base.seconds(line.last_ticks.checked_sub(line.start_ticks + line.lead_ticks)?);
    let pictures = line.frames.saturating_sub(1) as f64;
    (seconds > 0.0 && pictures > 60.0).then(|| pictures / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{
        SubtitleFacts,
        fixtures::{audio, source},
    };

    const LIMITS: SourceLimits = SourceLimits {
        duration_seconds: Some(60),
        pixels: Some(1920 * 1080),
        fps: Some(120),
        gigapixels: Some(4),
        frames: Some(3000),
        gap_seconds: Some(30),
        tracks: Some(4),
        chapters: Some(9),
        cues: Some(7),
        output_ratio: Some(10),
    };

    #[track_caller]
    fn refused(facts: &SourceFacts, text: &str) {
        assert_eq!(LIMITS.check(facts).unwrap_err().to_string(), text);
    }

    #[test]
    fn each_limit_is_named_with_number_and_flag() {
        // The fixture's pictures are 1920×1080.
        assert_eq!(LIMITS.check(&source("25", 1000)), Ok(()));
        refused(
            &source("10", 700),
            "the source lasts 70 s; at most 60 s are taken (--max-duration)",
        );
        refused(
            &source("240", 1000),
            "the source has 240 pictures a second; at most 120 are taken (--max-fps)",
        );
        refused(
            &source("60", 2000),
            "the source has 2000 pictures of 1920x1080, together 5 gigapixels to decode; at most 4 are \
             decoded (--max-decoded-gigapixels)",
        );
        let mut large = source("25", 10);
        large.video.as_mut().unwrap().coded_width = 3840;
        refused(
            &large,
            "the source has pictures of 3840x1080, which are 4147200 pixels; at most 2073600 are taken \
             (--max-pixels)",
        );
        refused(
            &sparse(),
            "the source would become 3600 frames; at most 3000 are made (--max-frames)",
        );
        let mut gap = source("25", 1000);
        gap.audio = vec![audio(0, 40_000_000)];
        gap.audio[0].packets_us = 2_000_000;
        refused(
            &gap,
            "the source has 38 s without sound in a track of it; at most 30 s are filled (--max-gap)",
        );
        gap.audio[0].packets_us = 0;
        assert_eq!(LIMITS.check(&gap), Ok(()));
        let listed = |tracks, chapters| SourceFacts { chapters, tracks, ..source("25", 1000) };
        refused(&listed(5, 0), "the source has 5 tracks; at most 4 are taken (--max-tracks)");
        refused(&listed(4, 10), "the source has 10 chapters; at most 9 are taken (--max-chapters)");
        let mut texts = source("25", 1000);
        texts.subtitles = vec![texts_of(7), texts_of(8)];
        refused(
            &texts,
            "the source has a subtitle track of 8 texts; at most 7 are taken (--max-cues)",
        );
        let mut long = source("25", 100);
        long.audio = vec![audio(0, 1_000_000), audio(5_000_000, 75_000_000)];
        refused(&long, "the source lasts 70 s; at most 60 s are taken (--max-duration)");
    }

    /// A few pictures, of which the last is shown after a minute.
    fn sparse() -> SourceFacts {
        let mut facts = source("60", 100);
        facts.video.as_mut().unwrap().timeline.grid_frames = 3600;
        facts
    }

    fn texts_of(packets: u32) -> SubtitleFacts {
        SubtitleFacts {
            stream: 2,
            codec: "subrip".to_owned(),
            language: None,
            title: None,
            default: false,
            forced: false,
            packets,
        }
    }

    #[test]
    fn renditions_are_bounded_by_their_source() {
        let mut limit = LIMITS.output(1_000_000);
        limit.count(OUTPUT_BYTES_FREE).unwrap();
        limit.count(10_000_000).unwrap();
        assert_eq!(
            limit.count(1).unwrap_err().to_string(),
            "the source has 1000000 bytes and renditions of 1083741825; at most 1083741824 are made of \
             it, 10 for each byte and a GiB (--max-output-ratio)"
        );
        SourceLimits::NONE.output(1).count(u64::MAX).unwrap();
    }

    #[test]
    fn what_has_no_limit_is_taken() {
        let none = SourceLimits::default();
        assert_eq!(none.check(&source("240", 10_000_000)), Ok(()));
        // A few pictures close together are no rate.
        assert_eq!(LIMITS.check(&source("1000", 20)), Ok(()));
        let read: SourceLimits = serde_json::from_str("{}").unwrap();
        assert_eq!(read, none);
    }
}
