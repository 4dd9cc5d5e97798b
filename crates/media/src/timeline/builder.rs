//! From packets to a [`Timeline`].

use super::{HOLDS_MAX, Hold, RATE_MAX, RATE_MIN, TimeBase, Timeline, fit, holes, to_frames};
use crate::{epochs::Correction, rate::FrameRate};

/// Pictures in a row whose stamps stray at most; more are in the order of the file.
const FEW: u64 = 3;
/// By how much a rate may exceed [`RATE_MAX`] before it is divided: consoles, screens and the
/// recorders of either run at up to 60.5 pictures a second, and few are lost at 60.
const ABOVE_MAX: f64 = 1.02;
/// How much finer a time base is made where pictures have to be placed between its ticks.
const FINER: u32 = 32;
/// Shortest pause that is listed, in seconds.
const HOLD_MIN_SECONDS: f64 = 2.0;
/// Longest duration in seconds that is believed of the last picture when no picture before it stayed
/// that long: muxers that do not know write nonsense.
const TAIL_MAX_SECONDS: f64 = 600.0;
/// Shortest excess in seconds of the last picture's duration that lengthens a constant source.
const TAIL_MIN_SECONDS: f64 = 0.25;

/// Folds packets into a [`Timeline`]. Feed every packet of the picture track in file order.
#[derive(Debug)]
pub struct TimelineBuilder {
    time_base: TimeBase,
    /// Presentation times in file order, with durations (0 when unknown); 16 bytes a picture, 35 MB
    /// for ten hours at 60 fps.
    pictures: Vec<(i64, u32)>,
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
}

impl TimelineBuilder {
    /// Starts an empty time line.
    pub fn new(time_base: TimeBase) -> Self {
        Self {
            time_base,
            pictures: Vec::new(),
            key_frames: 0,
            since_key: 0,
            key_interval_max: 0,
            missing: 0,
            first_is_key: false,
        }
    }

    /// Adds one packet; `duration` is in ticks, 0 when unknown.
    pub fn push(&mut self, pts: Option<i64>, duration: i64, key: bool) {
        if self.pictures.is_empty() && self.missing == 0 {
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
        self.pictures.push((pts, u32::try_from(duration).unwrap_or(0)));
    }

    /// Gives packets, counted in the order of [`Self::push`], new stamps.
    pub fn correct(&mut self, corrections: &[Correction]) {
        for correction in corrections {
            for index in correction.from..correction.to {
                let Some(at) = usize::try_from(index).ok() else { return };
                let Some((time, _)) = self.pictures.get_mut(at) else { return };
                *time = correction.apply(index, *time);
            }
        }
    }

    /// Puts pictures whose stamps say nothing into the holes that they left among their neighbours:
    /// they are shown in another order than they stand in the file. `corrections` are those of
    /// [`Self::correct`], not applied yet.
    pub fn fill_holes(&self, corrections: &mut Vec<Correction>) {
        let few = |it: &Correction| it.to - it.from <= FEW && it.stamps.is_counted();
        if corrections.iter().any(few) {
            let times: Vec<i64> = self.pictures.iter().map(|(time, _)| *time).collect();
            holes::fill(&times, corrections, few);
        }
    }

    /// Finishes: the time line (`None` without any timed picture) and what was wrong on the way.
    ///
    /// `hints` are rates the container claims, the most trusted first.
    pub fn finish(mut self, hints: &[FrameRate]) -> (Option<Timeline>, Defects) {
        let defects = Defects {
            missing: self.missing,
            no_leading_key: !self.first_is_key,
            ..Defects::default()
        };
        let Some(&(_, last_duration)) = self.pictures.iter().max_by_key(|(time, _)| *time) else {
            return (None, defects);
        };
        let counted = self.pictures.len();
        self.pictures.sort_unstable();
        self.pictures.dedup_by_key(|(time, _)| *time);
        let repeated = (counted - self.pictures.len()) as u64;
        let times: Vec<i64> = self.pictures.iter().map(|(time, _)| *time).collect();
        let line = self.line(times, i64::from(last_duration), hints);
        (Some(line), Defects { repeated, ..defects })
    }

    fn line(&self, mut times: Vec<i64>, last_duration: i64, hints: &[FrameRate]) -> Timeline {
        let highest = f64::from(RATE_MAX) * ABOVE_MAX;
        let fit = fit::fit(&times, self.time_base, hints, highest);
        let (rate, exact) = shown(fit.rate);
        let phase = if exact { fit.phase } else { 0.0 };
        let mut base = self.time_base;
        let mut tail = tail(&times, last_duration, base, fit.rate);
        let finer = if phase == 0.0 { None } else { base.den.checked_mul(FINER) };
        if let Some(den) = finer {
            base.den = den;
            tail *= i64::from(FINER);
            for time in &mut times {
                *time *= i64::from(FINER);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than a frame in ticks")]
        let lead = -(phase / rate.as_f64() / base.seconds(1)).round() as i64;
        let (start, last) = (times[0] - lead, times[times.len() - 1]);
        let pictures = times.len() as u64;
        let ends = to_frames(last - start + tail, base, rate);
        let constant = fit.constant && exact;
        let held = base.seconds(tail) - 1.0 / rate.as_f64() > TAIL_MIN_SECONDS;
        let divided = constant && rate != fit.rate;
        let grid_frames = if constant && !divided && !held { pictures } else { ends.max(1) };
        let (gap_frames_max, holds) = gaps(&times, start, base, rate);
        Timeline {
            time_base: base,
            start_ticks: start,
            lead_ticks: lead,
            last_ticks: last,
            frames: pictures,
            rate,
            constant,
            grid_frames,
            gap_frames_max,
            key_frames: self.key_frames,
            key_interval_max: self.key_interval_max.max(self.since_key),
            holds,
            finer: finer.is_some(),
        }
    }
}

/// The output's rate for a source's, and whether source pictures keep their places on it: the rate
/// divided or multiplied by a whole number where it is beyond [`RATE_MAX`] or [`RATE_MIN`].
fn shown(rate: FrameRate) -> (FrameRate, bool) {
    let most = f64::from(RATE_MAX) * ABOVE_MAX;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small")]
    let factor = |ratio: f64| (ratio - 1e-9).ceil().max(1.0) as u32;
    let divided = rate.divided_by(factor(rate.as_f64() / most)).unwrap_or(rate);
    if divided.as_f64() > f64::from(RATE_MAX) {
        return (FrameRate::new(RATE_MAX, 1).unwrap_or(divided), false);
    }
    let factor = factor(f64::from(RATE_MIN) / divided.as_f64());
    if factor == 1 {
        return (divided, true);
    }
    (divided.times(factor).unwrap_or(FrameRate::TEN), false)
}

/// How long the last picture is shown, in ticks: its own duration where that can be believed, else
/// one frame of the source.
fn tail(times: &[i64], own: i64, base: TimeBase, rate: FrameRate) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "one frame in ticks is small")]
    let frame = ((1.0 / rate.as_f64() / base.seconds(1)).round() as i64).max(1);
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    let believed = own > 0 && (own <= longest || base.seconds(own) <= TAIL_MAX_SECONDS);
    if believed { own } else { frame }
}

/// The widest gap between two pictures in output frames, and the pauses that are wider.
fn gaps(times: &[i64], start: i64, base: TimeBase, rate: FrameRate) -> (u32, Vec<Hold>) {
    let frame = |time: i64| to_frames(time - start, base, rate);
    let long = |pair: &[i64]| base.seconds(pair[1] - pair[0]) >= HOLD_MIN_SECONDS;
    let (mut listed, mut widest) = (Vec::new(), 0);
    for pair in times.windows(2) {
        widest = widest.max(if long(pair) { 0 } else { pair[1] - pair[0] });
        if long(pair) {
            listed.push((pair[1] - pair[0], pair[0], pair[1]));
        }
    }
    listed.sort_unstable_by(|a, b| b.cmp(a));
    widest = listed.get(HOLDS_MAX).map_or(widest, |(gap, ..)| *gap);
    listed.truncate(HOLDS_MAX);
    let mut holds: Vec<Hold> =
        listed.into_iter().map(|(_, from, to)| Hold { from: frame(from), to: frame(to) }).collect();
    holds.sort_unstable_by_key(|hold| hold.from);
    let widest = to_frames(widest, base, rate) + 1;
    (u32::try_from(widest).unwrap_or(u32::MAX), holds)
}
