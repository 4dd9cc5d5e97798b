//! Frame rates as exact ratios and the output grid built on them.
//!
//! All arithmetic is in integers: a frame index times a ratio. Floating point appears only where a
//! value leaves for a person or a playlist line.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Fewest ticks per second a grid uses, as ffmpeg's mov muxer does (movenc.c picks at least 10000).
const TIMESCALE_MIN: u32 = 10_000;

/// Frames per second as a reduced ratio; both parts are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FrameRate {
    num: u32,
    den: u32,
}

/// A text or ratio that is not a frame rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a frame rate: write it as 25 or 30000/1001")]
pub struct NotARate(String);

impl FrameRate {
    /// Ten frames a second.
    pub const TEN: Self = Self { num: 10, den: 1 };
    /// 25 frames a second.
    pub const TWENTY_FIVE: Self = Self { num: 25, den: 1 };

    /// Builds the reduced ratio; `None` when either part is zero.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        Self::reduced(num.into(), den.into())
    }

    /// The same of larger numbers; `None` also when a part is too large once it is reduced.
    pub fn reduced(num: u64, den: u64) -> Option<Self> {
        if num == 0 || den == 0 {
            return None;
        }
        let divisor = gcd(num, den);
        let part = |n: u64| u32::try_from(n / divisor).ok();
        Some(Self { num: part(num)?, den: part(den)? })
    }

    /// Numerator: frames in [`Self::den`] seconds.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Denominator in seconds.
    pub fn den(self) -> u32 {
        self.den
    }

    /// Frames per second, for people and for `FRAME-RATE` lines only.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// The same rate divided by a whole number, for sources above the output's limit.
    pub fn divided_by(self, factor: u32) -> Option<Self> {
        Self::new(self.num, self.den.checked_mul(factor)?)
    }

    /// The same rate times a whole number, for sources below the output's limit.
    pub fn times(self, factor: u32) -> Option<Self> {
        Self::new(self.num.checked_mul(factor)?, self.den)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 {
            write!(f, "{}", self.num)
        } else {
            write!(f, "{}/{}", self.num, self.den)
        }
    }
}

impl FromStr for FrameRate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let (num, den) = text.split_once('/').unwrap_or((text, "1"));
        let rate = num.trim().parse().ok().zip(den.trim().parse().ok());
        rate.and_then(|(num, den)| Self::new(num, den)).ok_or_else(|| NotARate(text.to_owned()))
    }
}

impl TryFrom<String> for FrameRate {
    type Error = NotARate;

    fn try_from(text: String) -> Result<Self, NotARate> {
        text.parse()
    }
}

impl From<FrameRate> for String {
    fn from(rate: FrameRate) -> Self {
        rate.to_string()
    }
}

/// The one time line of every rendition: frame k is shown at k / rate exactly.
///
/// Key frames stand at multiples of [`Self::gop_frames`], segments start at multiples of
/// [`Self::segment_frames`], in every rung and whatever the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Output frame rate, constant.
    pub rate: FrameRate,
    /// Frames of the whole video.
    pub frames: u64,
}

/// True when a segment that grows from one duration to the other, in microseconds, needs no longer
/// target duration: both round to the same second (RFC 8216, 4.3.3.1).
pub fn same_target(from_us: i64, to_us: i64) -> bool {
    let seconds = |us: i64| (us + 500_000).div_euclid(1_000_000);
    seconds(from_us) == seconds(to_us)
}

impl Grid {
    /// Frames per closed GOP: 2 s, rounded to whole frames.
    pub fn gop_frames(self) -> u32 {
        let (num, den) = (u64::from(self.rate.num), u64::from(self.rate.den));
        u32::try_from((2 * num + den / 2) / den).unwrap_or(u32::MAX).max(1)
    }

    /// Frames per segment: three GOPs, 6 s at whole rates (6.006 s at 29.97).
    pub fn segment_frames(self) -> u32 {
        self.gop_frames() * 3
    }

    /// Ticks per second of the video tracks; one frame is a whole number of them.
    pub fn timescale(self) -> u32 {
        let mut scale = self.rate.num;
        while scale < TIMESCALE_MIN {
            scale *= 2;
        }
        scale
    }

    /// Ticks per frame in [`Self::timescale`].
    pub fn ticks_per_frame(self) -> u32 {
        self.timescale() / self.rate.num * self.rate.den
    }

    /// Segments of the whole video; the last one may be short. What is left after the last whole one
    /// joins it as long as the target duration stays the same: a segment of few frames has the bit
    /// rate of its key frame, which would be told as the peak of the whole rendition.
    pub fn segments(self) -> u32 {
        let each = u64::from(self.segment_frames());
        let (whole, rest) = (self.frames / each, self.frames % each);
        let joins = whole > 0 && same_target(self.micros(each), self.micros(each + rest));
        u32::try_from(whole + u64::from(rest > 0 && !joins)).unwrap_or(u32::MAX)
    }

    /// First frame of segment `index`; the end of the video for all behind the last.
    pub fn segment_start(self, index: u32) -> u64 {
        if index >= self.segments() {
            return self.frames;
        }
        u64::from(index) * u64::from(self.segment_frames())
    }

    /// Time of frame `index` in seconds.
    pub fn seconds(self, index: u64) -> f64 {
        index as f64 * f64::from(self.rate.den) / f64::from(self.rate.num)
    }

    /// Time of frame `index` in microseconds, rounded to nearest.
    pub fn micros(self, index: u64) -> i64 {
        let (num, den) = (i128::from(self.rate.num), i128::from(self.rate.den));
        let scaled = i128::from(index) * den * 1_000_000;
        i64::try_from((scaled + num / 2) / num).unwrap_or(i64::MAX)
    }

    /// Duration of the whole video in seconds.
    pub fn duration_seconds(self) -> f64 {
        self.seconds(self.frames)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rate: &str) -> Grid {
        Grid { rate: rate.parse().unwrap(), frames: 1000 }
    }

    #[test]
    fn segments_are_three_whole_gops() {
        for (rate, gop, segment) in [
            ("25", 50, 150),
            ("30000/1001", 60, 180),
            ("24000/1001", 48, 144),
            ("179/6", 60, 180),
            ("1", 2, 6),
            ("60", 120, 360),
            ("1/10", 1, 3),
        ] {
            assert_eq!(
                (grid(rate).gop_frames(), grid(rate).segment_frames()),
                (gop, segment),
                "{rate}"
            );
        }
    }

    #[test]
    fn a_frame_is_a_whole_number_of_ticks() {
        for rate in ["25", "30000/1001", "24000/1001", "179/6", "1", "60", "15/2", "1/10"] {
            let grid = grid(rate);
            let exact = u64::from(grid.timescale()) * u64::from(grid.rate.den());
            assert_eq!(exact % u64::from(grid.rate.num()), 0, "{rate}");
            assert_eq!(exact / u64::from(grid.rate.num()), u64::from(grid.ticks_per_frame()));
        }
    }

    #[test]
    fn rates_read_and_print_as_ffprobe_writes_them() {
        assert_eq!("60000/2002".parse::<FrameRate>().unwrap().to_string(), "30000/1001");
        assert_eq!("25/1".parse::<FrameRate>().unwrap().to_string(), "25");
        for bad in ["0/0", "", "a", "1/0", "-1"] {
            assert!(bad.parse::<FrameRate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rest_of_few_frames_joins_the_last_whole_segment() {
        for (rate, frames, segments) in [
            ("25", 1, 1),
            ("25", 150, 1),
            ("25", 151, 1),
            ("25", 162, 1),
            ("25", 163, 2),
            ("25", 300, 2),
            ("25", 301, 2),
            ("30000/1001", 180 + 14, 1),
            ("30000/1001", 180 + 15, 2),
        ] {
            let grid = Grid { rate: rate.parse().unwrap(), frames };
            assert_eq!(grid.segments(), segments, "{frames} frames at {rate}");
            assert_eq!(grid.segment_start(segments), frames);
            assert_eq!(grid.segment_start(0), 0);
        }
    }
}
