//! The time line of a source, folded from the presentation time of every picture.
//!
//! The probe streams packets in; what comes out is small: where the pictures start and end, the
//! constant rate they are shown at, and how far apart they ever are.

use serde::{Deserialize, Serialize};

use crate::rate::{FrameRate, Grid};

/// Highest output rate in frames per second; faster sources are divided by a whole number.
pub const RATE_MAX: u32 = 60;
/// How far a picture may stand from its place on a constant grid, in frames. Containers that round
/// to milliseconds stay below 0.06 at 60 fps; half a frame would make the place ambiguous.
const CONSTANT_TOLERANCE: f64 = 0.4;
/// Rates that cameras and encoders mean, tried before a measured one.
const USUAL: [(u32, u32); 12] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (15, 1),
    (10, 1),
    (12, 1),
];

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

/// When the pictures of a source are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Unit of the tick counts below.
    pub time_base: TimeBase,
    /// Presentation time of the first picture.
    pub start_ticks: i64,
    /// Presentation time of the last picture.
    pub last_ticks: i64,
    /// Pictures in the source.
    pub frames: u64,
    /// Output rate: the source's own, its nominal rate when it varies, at most [`RATE_MAX`].
    pub rate: FrameRate,
    /// True when picture i stands at i / rate: then every picture becomes exactly one output frame.
    pub constant: bool,
    /// Output frames.
    pub grid_frames: u64,
    /// Most output frames between two pictures that follow each other; at least 1.
    pub gap_frames_max: u32,
    /// Pictures that are key frames.
    pub key_frames: u64,
    /// Most pictures from one key frame to the next (or to the end).
    pub key_interval_max: u64,
}

impl Timeline {
    /// The output grid.
    pub fn grid(&self) -> Grid {
        Grid { rate: self.rate, frames: self.grid_frames }
    }

    /// Time of the first picture in microseconds, on the file's own clock.
    pub fn start_us(&self) -> i64 {
        self.time_base.micros(self.start_ticks)
    }

    /// First tick, counted from the first picture, that is shown at output frame `index` or later:
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
}

/// Folds packets into a [`Timeline`]. Feed every packet of the picture track in file order.
#[derive(Debug)]
pub struct TimelineBuilder {
    time_base: TimeBase,
    /// Presentation times in file order; 8 bytes a frame, 17 MB for ten hours at 60 fps.
    times: Vec<i64>,

    last_duration: (i64, i64),
    key_frames: u64,
    since_key: u64,
    key_interval_max: u64,
    missing: u64,
    first_is_key: bool,
}

/// What was wrong with the packets, besides the time line itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects {
    /// Packets without presentation time.
    pub missing: u64,
    /// Pictures that share their presentation time with another.
    pub repeated: u64,
    /// True when the first packet is no key frame.
    pub no_leading_key: bool,
    /// True when the time stamps jump by more than they can: a wrap or a splice.
    pub jump: bool,
}

/// Longest pause between two pictures that still counts as one recording, in seconds.
const PAUSE_MAX_SECONDS: f64 = 600.0;

impl TimelineBuilder {
    /// Starts an empty time line.
    pub fn new(time_base: TimeBase) -> Self {
        Self {
            time_base,
            times: Vec::new(),
            last_duration: (i64::MIN, 0),
            key_frames: 0,
            since_key: 0,
            key_interval_max: 0,
            missing: 0,
            first_is_key: false,
        }
    }

    /// Adds one packet; `duration` is in ticks, 0 when unknown.
    pub fn push(&mut self, pts: Option<i64>, duration: i64, key: bool) {
        if self.times.is_empty() && self.missing == 0 {
            self.first_is_key = key;
        }
        if key {
            self.key_frames += 1;
            self.key_interval_max = self.key_interval_max.max(self.since_key);
            self.since_key = 0;
        }
        self.since_key += 1;
        let Some(pts) = pts else {
            self.missing += 1;
            return;
        };
        self.times.push(pts);
        if pts >= self.last_duration.0 {
            self.last_duration = (pts, duration);
        }
    }

    /// Finishes: the time line (`None` without any timed picture) and what was wrong on the way.
    ///
    /// `hints` are rates the container claims, the most trusted first.
    pub fn finish(mut self, hints: &[FrameRate]) -> (Option<Timeline>, Defects) {
        let defect = Defects {
            missing: self.missing,
            no_leading_key: !self.first_is_key,
            ..Defects::default()
        };
        self.times.sort_unstable();
        let counted = self.times.len();
        self.times.dedup();
        let repeated = (counted - self.times.len()) as u64;
        let (Some(&first), Some(&last)) = (self.times.first(), self.times.last()) else {
            return (None, defect);
        };
        let gaps = || self.times.windows(2).map(|pair| pair[1] - pair[0]);
        let widest = gaps().max().unwrap_or(0);
        let jump = self.time_base.seconds(widest) > PAUSE_MAX_SECONDS;
        let (rate, constant) = self.rate(hints);
        let shown = decimated(rate);
        let tail = self.tail(rate);
        let grid_frames = if constant && shown == rate {
            self.times.len() as u64
        } else {
            round_to_frames(last - first + tail, self.time_base, shown).max(1)
        };
        let timeline = Timeline {
            time_base: self.time_base,
            start_ticks: first,
            last_ticks: last,
            frames: self.times.len() as u64,
            rate: shown,
            constant,
            grid_frames,
            gap_frames_max: u32::try_from(round_to_frames(widest, self.time_base, shown) + 1)
                .unwrap_or(u32::MAX),
            key_frames: self.key_frames,
            key_interval_max: self.key_interval_max.max(self.since_key),
        };
        (Some(timeline), Defects { repeated, jump, ..defect })
    }

    /// The source's rate and whether every picture keeps to it.
    fn rate(&self, hints: &[FrameRate]) -> (FrameRate, bool) {
        let fallback = FrameRate::new(25, 1).unwrap_or_else(|| unreachable!("25 is a rate"));
        let (Some(&first), Some(&last)) = (self.times.first(), self.times.last()) else {
            return (fallback, false);
        };
        let steps = i64::try_from(self.times.len()).unwrap_or(i64::MAX) - 1;
        if steps == 0 {
            let claimed = hints.iter().copied().find(|rate| (1.0..=120.0).contains(&rate.as_f64()));
            return (claimed.unwrap_or(fallback), true);
        }
        let mean = steps as f64 / self.time_base.seconds(last - first);
        let usual = USUAL.iter().filter_map(|&(num, den)| FrameRate::new(num, den));
        let candidates = hints.iter().copied().chain(usual);
        let close = candidates
            .filter(|rate| (rate.as_f64() / mean - 1.0).abs() < 0.01 + 1.0 / steps as f64);
        let best =
            close.map(|rate| (self.deviation(rate), rate)).min_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((deviation, rate)) if deviation <= CONSTANT_TOLERANCE => (rate, true),
            _ => self
                .measured(first, last, steps)
                .map_or_else(|| (self.nominal(hints), false), |rate| (rate, true)),
        }
    }

    /// The exact mean rate, when every picture keeps to it although it is no usual one.
    fn measured(&self, first: i64, last: i64, steps: i64) -> Option<FrameRate> {
        let seconds = self.time_base.seconds(last - first);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate in thousandths fits"
        )]
        let thousandths = (steps as f64 / seconds * 1000.0).round().clamp(1.0, 1e9) as u32;
        let rate = FrameRate::new(thousandths, 1000)?;
        (self.deviation(rate) <= CONSTANT_TOLERANCE).then_some(rate)
    }

    /// Largest distance of a picture from its place on a constant grid, in frames.
    fn deviation(&self, rate: FrameRate) -> f64 {
        let first = self.times.first().copied().unwrap_or_default();
        let per_tick =
            rate.as_f64() * f64::from(self.time_base.num) / f64::from(self.time_base.den);
        let places = self.times.iter().enumerate();
        places.map(|(i, &t)| ((t - first) as f64 * per_tick - i as f64).abs()).fold(0.0, f64::max)
    }

    /// Rate of a variable source: that of its usual short step, so that no motion is lost.
    fn nominal(&self, hints: &[FrameRate]) -> FrameRate {
        let mut steps: Vec<i64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let tenth = steps.len() / 10;
        let (_, &mut step, _) = steps.select_nth_unstable(tenth);
        let wanted = (1.0 / self.time_base.seconds(step.max(1))).clamp(1.0, f64::from(RATE_MAX));
        let usual = USUAL.iter().filter_map(|&(num, den)| FrameRate::new(num, den));
        let limit = f64::from(RATE_MAX);
        let nearby = hints.iter().copied().chain(usual).filter(|rate| rate.as_f64() <= limit);
        let distance = |rate: &FrameRate| (rate.as_f64() / wanted).ln().abs();
        nearby
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .unwrap_or_else(|| unreachable!("USUAL is not empty"))
    }

    /// How long the last picture is shown, in ticks: its own duration, else one frame.
    fn tail(&self, rate: FrameRate) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "one frame in ticks is small")]
        let frame = (1.0 / rate.as_f64() / self.time_base.seconds(1)).round() as i64;
        match self.last_duration.1 {
            0 => frame.max(1),
            // Muxers that do not know write nonsense; a picture is not held longer than any before it.
            known => known.min(self.longest_step().max(frame)).max(1),
        }
    }

    fn longest_step(&self) -> i64 {
        self.times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }
}

/// The rate divided by the smallest whole number that brings it to [`RATE_MAX`].
fn decimated(rate: FrameRate) -> FrameRate {
    let limit = u64::from(RATE_MAX) * u64::from(rate.den());
    let factor = u64::from(rate.num()).div_ceil(limit);
    u32::try_from(factor).ok().and_then(|factor| rate.divided_by(factor)).unwrap_or(rate)
}

/// A span of ticks in whole frames, rounded to nearest.
fn round_to_frames(ticks: i64, base: TimeBase, rate: FrameRate) -> u64 {
    let above = i128::from(ticks) * i128::from(base.num) * i128::from(rate.num());
    let below = i128::from(base.den) * i128::from(rate.den());
    u64::try_from((2 * above + below).div_euclid(2 * below)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: TimeBase = TimeBase { num: 1, den: 1000 };

    fn rate(text: &str) -> FrameRate {
        text.parse().unwrap()
    }

    fn fold(base: TimeBase, times: &[i64], hints: &[&str]) -> (Timeline, Defects) {
        let mut builder = TimelineBuilder::new(base);
        for (i, &time) in times.iter().enumerate() {
            builder.push(Some(time), 0, i % 50 == 0);
        }
        let hints: Vec<_> = hints.iter().map(|text| rate(text)).collect();
        let (timeline, defects) = builder.finish(&hints);
        (timeline.unwrap(), defects)
    }

    #[test]
    fn milliseconds_are_still_a_constant_rate() {
        let times: Vec<i64> = (0..3000).map(|i| (i * 10010 + 150) / 300 + 7).collect();
        let (timeline, defects) = fold(MS, &times, &["1000/1", "30000/1001"]);
        assert_eq!((timeline.rate, timeline.constant), (rate("30000/1001"), true));
        assert_eq!((timeline.frames, timeline.grid_frames, timeline.start_ticks), (3000, 3000, 7));
        assert_eq!(defects, Defects::default());
    }

    #[test]
    fn a_constant_rate_nobody_names_is_measured() {
        let base = TimeBase { num: 1, den: 179_000 };
        let times: Vec<i64> = (0..1189).map(|i| i * 6000).collect();
        let (timeline, _) = fold(base, &times, &["29/1", "179/6"]);
        assert_eq!((timeline.rate, timeline.constant), (rate("179/6"), true));
        let (timeline, _) = fold(base, &times, &[]);
        assert_eq!((timeline.constant, timeline.grid_frames), (true, 1189));
    }

    #[test]
    fn fast_sources_are_divided_to_sixty_at_most() {
        let times: Vec<i64> = (0..1200).collect();
        let (timeline, _) = fold(TimeBase { num: 1001, den: 120_000 }, &times, &["120000/1001"]);
        assert_eq!((timeline.rate, timeline.grid_frames), (rate("60000/1001"), 600));
    }

    #[test]
    fn a_varying_source_takes_its_nominal_rate_and_its_whole_length() {
        let mut times = Vec::new();
        let mut now = 0;
        for second in 0..16 {
            let (count, step) = if second % 4 < 2 { (60, 1000) } else { (10, 6000) };
            for _ in 0..count {
                times.push(now);
                now += step;
            }
        }
        let (timeline, _) = fold(TimeBase { num: 1, den: 60_000 }, &times, &["60/1"]);
        assert_eq!((timeline.rate, timeline.constant), (rate("60"), false));
        assert_eq!(timeline.gap_frames_max, 7);
        assert!((954..=960).contains(&timeline.grid_frames), "{}", timeline.grid_frames);
    }

    #[test]
    fn one_picture_lasts_one_frame() {
        let (timeline, _) = fold(MS, &[500], &["1000/1", "24/1"]);
        assert_eq!((timeline.rate, timeline.grid_frames), (rate("24"), 1));
    }

    #[test]
    fn defects_are_counted() {
        let mut builder = TimelineBuilder::new(MS);
        builder.push(Some(0), 0, false);
        builder.push(None, 0, true);
        builder.push(Some(40), 0, false);
        builder.push(Some(40), 0, false);
        builder.push(Some(7_000_000), 0, false);
        let (_, defects) = builder.finish(&[]);
        assert_eq!(defects, Defects { missing: 1, repeated: 1, no_leading_key: true, jump: true });
    }

    #[test]
    fn the_first_tick_of_a_frame_rounds_to_that_frame_and_the_one_before_does_not() {
        let (timeline, _) = fold(MS, &(0..300).map(|i| i * 40).collect::<Vec<_>>(), &["25"]);
        for index in [1, 2, 150, 299] {
            let tick = timeline.first_tick_of(index);
            assert_eq!(round_to_frames(tick, MS, timeline.rate), index);
            assert_eq!(round_to_frames(tick - 1, MS, timeline.rate), index - 1);
        }
    }
}
