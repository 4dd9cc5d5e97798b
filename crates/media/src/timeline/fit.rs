//! The rate at which pictures are shown, chosen by fitting their times.
//!
//! What a container claims is only a tie-break: `avg_frame_rate` is a rounded division of two tick
//! counts, and no place for a time line to start from.

use super::{RATE_MAX, TimeBase};
use crate::rate::FrameRate;

/// How far a picture may stand from its place on a constant grid, in frames. Containers that round
/// to milliseconds stay below 0.06 at 60 fps; half a frame would make the place ambiguous.
const CONSTANT_TOLERANCE: f64 = 0.4;
/// The same for a rate that nobody means but that the pictures seem to keep: what a splice or jitter
/// puts off is no rate.
const MEASURED_TOLERANCE: f64 = 0.1;
/// Width in frames within which all pictures must stand, earliest to latest, for each to have a
/// place of its own although its stamp is that of its arrival. One frame would be ambiguous.
const JITTER_MAX: f64 = 0.995;
/// Pictures of a varying source that may share a frame with another, beyond what the best rate
/// loses, before a higher rate is worth its cost.
const LOSS_MAX: f64 = 0.02;
/// A rate that the container names is taken for a varying source up to so many times the lowest.
const NAMED_MAX: f64 = 2.5;
/// Starting points of a varying grid that are tried, within one frame.
const PHASES: u32 = 8;
/// Largest numerator of a rate nobody named: it becomes the ticks per second of every rendition.
const MEASURED_NUM_MAX: i128 = 200_000;
/// Rates that cameras, films and encoders mean, lowest first.
pub(super) const STANDARD: [(u32, u32); 22] = [
    (1, 1),
    (2, 1),
    (5, 1),
    (15, 2),
    (10, 1),
    (12, 1),
    (25, 2),
    (15_000, 1001),
    (15, 1),
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48_000, 1001),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120_000, 1001),
    (120, 1),
];

/// A rate and how the pictures stand on its grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    pub(super) rate: FrameRate,
    /// True when picture i has frame i for itself.
    pub(super) constant: bool,
    /// Frames by which the grid starts after the first picture; negative when it starts earlier.
    pub(super) phase: f64,
}

/// Finds the rate of pictures shown at `times`, which ascend without repetition; `hints` are rates
/// the container claims, the most trusted first, and `highest` is the highest rate of the output.
pub(super) fn fit(times: &[i64], base: TimeBase, hints: &[FrameRate], highest: f64) -> Fit {
    let pictures = Pictures { times, base };
    let constant = |rate, phase| Fit { rate, constant: true, phase };
    if times.len() < 2 {
        let claimed = hints.iter().copied().find(|rate| (1.0..=120.0).contains(&rate.as_f64()));
        return constant(claimed.unwrap_or(FrameRate::TEN), 0.0);
    }
    let standards: Vec<FrameRate> = standards().filter(|rate| pictures.may_be(*rate)).collect();
    let simple = |rate: &FrameRate| i128::from(rate.num()) <= MEASURED_NUM_MAX;
    let named = hints.iter().copied().filter(simple).filter(|rate| pictures.may_be(*rate));
    let measured = pictures.measured();
    let steady = pictures.closest(standards.iter().copied(), hints, CONSTANT_TOLERANCE);
    let odd = |tolerance| {
        let named = pictures.closest(named.clone(), hints, tolerance);
        named.or_else(|| pictures.closest(measured.into_iter(), hints, tolerance))
    };
    let steady = steady.or_else(|| odd(MEASURED_TOLERANCE));
    let highest_at_most = |rate: &FrameRate| rate.as_f64() <= highest;
    let narrow = |rate: FrameRate| {
        let (early, late) = pictures.deviations(rate);
        (late - early <= JITTER_MAX)
            .then_some((late - early, constant(rate, f64::midpoint(early, late))))
    };
    let exact = |rate: FrameRate| {
        // A little above the most that comes out: where few pictures stand elsewhere on that grid, each
        // still has a frame for itself.
        let most = FrameRate::new(RATE_MAX, 1).filter(|most| rate.as_f64() > most.as_f64());
        let most = most.filter(|_| highest_at_most(&rate)).and_then(narrow);
        most.map_or(constant(rate, 0.0), |(_, fit)| fit)
    };
    if let Some(rate) = steady {
        return exact(rate);
    }
    let jittered = standards.into_iter().filter(highest_at_most).filter_map(narrow);
    if let Some((_, fit)) = jittered.min_by(|a, b| a.0.total_cmp(&b.0)) {
        return fit;
    }
    if let Some(rate) = odd(CONSTANT_TOLERANCE) {
        return exact(rate);
    }
    let (lost, varying) = pictures.varying(hints, highest);
    let measured = measured.filter(|_| lost > 0).filter(highest_at_most).and_then(narrow);
    measured.map_or(varying, |(_, fit)| fit)
}

pub(super) fn standards() -> impl Iterator<Item = FrameRate> {
    STANDARD.iter().filter_map(|&(num, den)| FrameRate::new(num, den))
}

/// Times that ascend, at least two.
#[derive(Clone, Copy)]
struct Pictures<'a> {
    times: &'a [i64],
    base: TimeBase,
}

impl Pictures<'_> {
    fn steps(self) -> i64 {
        i64::try_from(self.times.len()).unwrap_or(i64::MAX) - 1
    }

    fn span(self) -> i64 {
        self.times[self.times.len() - 1] - self.times[0]
    }

    fn per_tick(self, rate: FrameRate) -> f64 {
        rate.as_f64() * f64::from(self.base.num) / f64::from(self.base.den)
    }

    /// True when a rate is near the mean of the pictures.
    fn may_be(self, rate: FrameRate) -> bool {
        let steps = self.steps() as f64;
        let mean = steps / self.base.seconds(self.span());
        (rate.as_f64() / mean - 1.0).abs() < 0.01 + 1.0 / steps
    }

    /// The rate to which every picture keeps best, if any does within the tolerance. Between rates
    /// that the stamps' rounding cannot tell apart, the one that the container names.
    fn closest(
        self,
        rates: impl Iterator<Item = FrameRate>,
        hints: &[FrameRate],
        tolerance: f64,
    ) -> Option<FrameRate> {
        let deviation = |rate| {
            let (early, late) = self.deviations(rate);
            late.max(-early)
        };
        let mut near: Vec<(f64, FrameRate)> = rates.map(|rate| (deviation(rate), rate)).collect();
        near.retain(|(deviation, _)| *deviation <= tolerance);
        let best = near.iter().map(|(deviation, _)| *deviation).min_by(f64::total_cmp)?;
        near.retain(|(deviation, rate)| *deviation <= best + self.per_tick(*rate));
        let named = hints.iter().find_map(|hint| near.iter().find(|(_, rate)| rate == hint));
        let first = || near.iter().min_by(|a, b| a.0.total_cmp(&b.0));
        named.or_else(first).map(|(_, rate)| *rate)
    }

    /// How early and how late pictures are at the most, in frames, on a grid that starts at the
    /// first: at most 0, at least 0.
    fn deviations(self, rate: FrameRate) -> (f64, f64) {
        let (first, per_tick) = (self.times[0], self.per_tick(rate));
        let places = self.times.iter().enumerate();
        let off = places.map(|(i, &time)| (time - first) as f64 * per_tick - i as f64);
        off.fold((0.0, 0.0), |(early, late), off| (off.min(early), off.max(late)))
    }

    /// The mean rate of the pictures: the simplest ratio that tells the last picture's place to a
    /// fiftieth of a frame.
    fn measured(self) -> Option<FrameRate> {
        let above = i128::from(self.steps()) * i128::from(self.base.den);
        let below = i128::from(self.span()) * i128::from(self.base.num);
        let steps = self.steps() as f64;
        convergents(above, below).find_map(|(num, den)| {
            let rate = FrameRate::new(u32::try_from(num).ok()?, u32::try_from(den).ok()?)?;
            let off = (rate.as_f64() * below as f64 / above as f64 - 1.0) * steps;
            (off.abs() < 0.02).then_some(rate)
        })
    }

    /// The lowest rate at which hardly more pictures share a frame than at the best one, and how many
    /// do: a rate that the container names, unless it is far above the lowest standard one.
    fn varying(self, hints: &[FrameRate], highest: f64) -> (u64, Fit) {
        let named = hints.iter().copied().filter(|rate| rate.as_f64() >= 1.0 && rate.den() <= 1001);
        let mut tried: Vec<(u64, f64, FrameRate)> = standards()
            .chain(named)
            .filter(|rate| rate.as_f64() <= highest)
            .map(|rate| {
                let (lost, phase) = self.fewest_lost(rate);
                (lost, phase, rate)
            })
            .collect();
        let fewest = tried.iter().map(|(lost, ..)| *lost).min().unwrap_or(0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count"
        )]
        let accepted = fewest + (self.times.len() as f64 * LOSS_MAX).ceil() as u64;
        tried.retain(|(lost, ..)| *lost <= accepted);
        let lowest = tried.iter().map(|(.., rate)| rate.as_f64()).fold(f64::MAX, f64::min);
        let is_named =
            |rate: FrameRate| hints.contains(&rate) && rate.as_f64() <= lowest * NAMED_MAX;
        let best = tried.into_iter().min_by(|a, b| {
            let order = |(lost, _, rate): &(u64, f64, FrameRate)| {
                // 29.97 loses little of what is 30, and 48 of what is 50.
                let neighbour = rate.as_f64() > lowest * 1.06;
                (!is_named(*rate), neighbour, *lost)
            };
            order(a).cmp(&order(b)).then(a.2.as_f64().total_cmp(&b.2.as_f64()))
        });
        let (lost, phase, rate) = best.unwrap_or((0, 0.0, FrameRate::TEN));
        (lost, Fit { rate, constant: false, phase })
    }

    /// How many pictures share their frame with a later one, and the phase at which they are fewest.
    fn fewest_lost(self, rate: FrameRate) -> (u64, f64) {
        let phases = (0..PHASES).map(|phase| {
            let phase = f64::from(phase) / f64::from(PHASES);
            if phase > 0.5 { phase - 1.0 } else { phase }
        });
        let tried = phases.map(|phase| (self.lost(rate, phase), phase));
        tried.min_by(|a, b| a.0.cmp(&b.0).then(a.1.abs().total_cmp(&b.1.abs()))).unwrap_or((0, 0.0))
    }

    fn lost(self, rate: FrameRate, phase: f64) -> u64 {
        let (first, per_tick) = (self.times[0], self.per_tick(rate));
        let frame = |time: i64| ((time - first) as f64 * per_tick - phase + 0.5).floor();
        self.times.windows(2).filter(|pair| frame(pair[0]) >= frame(pair[1])).count() as u64
    }
}

/// The continued fraction's approximations of `above / below` that a rate can hold, coarsest first.
fn convergents(mut above: i128, mut below: i128) -> impl Iterator<Item = (i128, i128)> {
    let (mut last, mut now) = ((0, 1), (1, 0));
    std::iter::from_fn(move || {
        if below == 0 {
            return None;
        }
        let whole = above / below;
        (above, below) = (below, above % below);
        (last, now) = (now, (whole * now.0 + last.0, whole * now.1 + last.1));
        Some(now)
    })
    .take_while(|(num, den)| *num <= MEASURED_NUM_MAX && *den <= MEASURED_NUM_MAX)
    .filter(|(num, _)| *num > 0)
}
