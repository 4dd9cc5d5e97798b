//! The time line of a source, folded from the presentation time of every picture.
//!
//! The probe streams packets in; what comes out is small: where the pictures start and end, the
//! constant rate they are shown at, and how far apart they ever are.

mod builder;
mod fit;
mod holes;

use serde::{Deserialize, Serialize};

pub use builder::{Defects, TimelineBuilder};

use crate::rate::{FrameRate, Grid};

/// Highest output rate in frames per second (Apple's HLS authoring specification, 1.13); faster
/// sources are divided by a whole number.
pub const RATE_MAX: u32 = 60;
/// Lowest output rate in frames per second. Slower sources are multiplied by a whole number: repeated
/// pictures cost next to nothing, while key frames, segments and the lead are counted in frames.
pub const RATE_MIN: u32 = 10;
/// Sound may start before the first picture and end after the last by this much, in microseconds,
/// and is cut there: packets of sound and picture do not divide each other. What is more is kept.
pub const UNEVEN_MAX_US: i64 = 250_000;
/// Long pauses listed at most.
const HOLDS_MAX: usize = 16;

/// Ticks per second as a ratio: one tick lasts `num / den` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBase {
    /// Numerator, usually 1.
    pub num: u32,
    /// Denominator, such as 90000.
    pub den: u32,
}

impl TimeBase {
    /// A tick count in seconds.
    pub fn seconds(self, ticks: i64) -> f64 {
        ticks as f64 * f64::from(self.num) / f64::from(self.den)
    }

    /// A tick count in microseconds, rounded to nearest.
    pub fn micros(self, ticks: i64) -> i64 {
        let scaled = i128::from(ticks) * i128::from(self.num) * 1_000_000;
        let den = i128::from(self.den.max(1));
        i64::try_from((scaled + den.div_euclid(2)).div_euclid(den)).unwrap_or(i64::MAX)
    }
}

/// A picture that stays much longer than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Output frame at which it appears.
    pub from: u64,
    /// Output frame of the next picture.
    pub to: u64,
}

/// When the pictures of a source are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Unit of the tick counts below: the track's own, or a finer one where `finer` says so.
    pub time_base: TimeBase,
    /// Time of output frame 0: that of the first picture, unless sound starts earlier or stamps
    /// jitter.
    pub start_ticks: i64,
    /// Ticks from output frame 0 to the first picture; below zero by less than half a frame where
    /// stamps jitter.
    #[serde(default)]
    pub lead_ticks: i64,
    /// Presentation time of the last picture.
    pub last_ticks: i64,
    /// Pictures in the source.
    pub frames: u64,
    /// Output rate: the source's own, its nominal rate when it varies, at most [`RATE_MAX`].
    pub rate: FrameRate,
    /// True when every picture has one output frame for itself, without any between two (or every
    /// n-th has, where the rate was divided).
    pub constant: bool,
    /// Output frames.
    pub grid_frames: u64,
    /// Most output frames between two pictures that follow each other, those in `holds` left out;
    /// at least 1.
    pub gap_frames_max: u32,
    /// Pictures that are key frames.
    pub key_frames: u64,
    /// Most pictures from one key frame to the next (or to the end).
    pub key_interval_max: u64,
    /// The longest pauses, in order, at most 16.
    #[serde(default)]
    pub holds: Vec<Hold>,
    /// True when `time_base` is finer than the track's own, to place pictures between its ticks.
    #[serde(default)]
    pub finer: bool,
}

impl Timeline {
    /// The output grid.
    pub fn grid(&self) -> Grid {
        Grid { rate: self.rate, frames: self.grid_frames }
    }

    /// Time of output frame 0 in microseconds, on the file's own clock.
    pub fn start_us(&self) -> i64 {
        self.time_base.micros(self.start_ticks)
    }

    /// First tick, counted from output frame 0, that is shown at output frame `index` or later:
    /// the one at or after (index − ½) frames, because the grid rounds to nearest.
    pub fn first_tick_of(&self, index: u64) -> i64 {
        if index == 0 {
            return i64::MIN;
        }
        let (num, den) = (i128::from(self.rate.num()), i128::from(self.rate.den()));
        let (tb_num, tb_den) = (i128::from(self.time_base.num), i128::from(self.time_base.den));
        // (2·index − 1) / (2·rate) seconds, in ticks, rounded up.
        let above = (2 * i128::from(index) - 1) * den * tb_den;
        let below = 2 * num * tb_num;
        i64::try_from(above.div_euclid(below) + i128::from(above.rem_euclid(below) != 0))
            .unwrap_or(i64::MAX)
    }

    /// Output frame of the last picture.
    pub fn last_frame(&self) -> u64 {
        let frame = to_frames(self.last_ticks - self.start_ticks, self.time_base, self.rate);
        frame.min(self.grid_frames.saturating_sub(1))
    }

    /// First tick after that of the first picture, counted from output frame 0.
    pub fn after_first_picture(&self) -> i64 {
        self.lead_ticks + 1
    }

    /// The earliest output frame at which the picture shown at `frame` can have appeared.
    pub fn shown_since(&self, frame: u64) -> u64 {
        if frame >= self.last_frame() {
            return self.last_frame();
        }
        if let Some(hold) = self.holds.iter().find(|hold| hold.from <= frame && frame < hold.to) {
            return hold.from;
        }
        let gap = if self.constant { 0 } else { u64::from(self.gap_frames_max) };
        frame.saturating_sub(gap)
    }

    /// Lengthens the line to that of the sound, given in microseconds on the file's own clock: the
    /// first picture is shown from where the sound starts, and the last until it ends.
    pub fn cover(&mut self, sound: std::ops::Range<i64>) {
        let first_us = self.time_base.micros(self.start_ticks + self.lead_ticks);
        if sound.end <= sound.start {
            return;
        }
        if first_us - sound.start > UNEVEN_MAX_US {
            let frames = self.frames_within(self.start_us() - sound.start);
            let ticks = self.ticks(frames);
            self.start_ticks -= ticks;
            self.lead_ticks += ticks;
            self.grid_frames += frames;
            for hold in &mut self.holds {
                (hold.from, hold.to) = (hold.from + frames, hold.to + frames);
            }
        }
        let end_us = self.start_us() + self.grid().micros(self.grid_frames);
        if sound.end - end_us > UNEVEN_MAX_US {
            self.grid_frames += self.frames_within(sound.end - end_us);
        }
    }

    /// Whole frames that cover a time, however short.
    fn frames_within(&self, us: i64) -> u64 {
        let above = i128::from(us.max(0)) * i128::from(self.rate.num());
        let below = 1_000_000 * i128::from(self.rate.den());
        u64::try_from((above + below - 1) / below).unwrap_or(0)
    }

    /// Time of an output frame in ticks from output frame 0, rounded to nearest.
    pub fn ticks(&self, frames: u64) -> i64 {
        let above =
            i128::from(frames) * i128::from(self.rate.den()) * i128::from(self.time_base.den);
        let below = i128::from(self.rate.num()) * i128::from(self.time_base.num);
        i64::try_from((above + below / 2) / below).unwrap_or(i64::MAX)
    }
}

/// A span of ticks in whole frames, rounded to nearest; 0 when it is negative.
fn to_frames(ticks: i64, base: TimeBase, rate: FrameRate) -> u64 {
    let above = i128::from(ticks) * i128::from(base.num) * i128::from(rate.num());
    let below = i128::from(base.den) * i128::from(rate.den());
    u64::try_from((2 * above + below).div_euclid(2 * below)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
