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
    pub const NONE: Self =
        Self { duration_seconds: None, pixels: None, fps: None, gigapixels: None };

    /// Checks a source; the first limit that it exceeds is named with its flag.
    pub fn check(&self, facts: &SourceFacts) -> Result<(), TooLarge> {
        let seconds = longest_seconds(facts);
        if let Some(limit) = self.duration_seconds
            && seconds > f64::from(limit)
        {
            let (is, limit) = (format!("lasts {seconds:.0} s"), format!("{limit} s are taken"));
            return Err(TooLarge { is, limit, flag: "max-duration" });
        }
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

/// Length of the longest track: each is read to its end.
fn longest_seconds(facts: &SourceFacts) -> f64 {
    let sound = facts.audio.iter().map(|audio| (audio.end_us - audio.start_us) as f64 / 1e6);
    sound.fold(facts.duration_seconds(), f64::max)
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
    use crate::source::fixtures::{audio, source};

    const LIMITS: SourceLimits = SourceLimits {
        duration_seconds: Some(60),
        pixels: Some(1920 * 1080),
        fps: Some(120),
        gigapixels: Some(4),
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
        let mut long = source("25", 100);
        long.audio = vec![audio(0, 1_000_000), audio(5_000_000, 75_000_000)];
        refused(&long, "the source lasts 70 s; at most 60 s are taken (--max-duration)");
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
