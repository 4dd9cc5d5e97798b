//! When the next block is due, judged from the stamps of the seconds that follow it.

use std::collections::VecDeque;

use super::Block;

/// Seconds of sound that drift is measured over: long enough for jitter to average out.
const DRIFT_SECONDS: f64 = 4.0;
/// Seconds of sound that must agree that a jump is one: bursts that arrive late are shorter.
const JUMP_SECONDS: f64 = 1.0;
/// Error in seconds from which agreeing stamps are a jump: less than a packet of AAC (21 ms), so that
/// the silence of a lost packet is where the packet was. It is also less than is noticed against the
/// picture (ITU-R BT.1359: 45 ms early, 125 ms late).
const JUMP_MIN: f64 = 0.020;
/// Seconds by which stamps may go back and still be an overlap, which is cut; beyond, a recorder has
/// started again, and nothing may be lost.
const OVERLAP_MAX: f64 = 1.0;
/// At the end of the sound, fewer seconds than these cannot tell a gap from late packets, nor a new
/// clock from stray ones.
const ENDING_SECONDS: f64 = 0.25;
/// Error in seconds that is left alone: stamps of many containers count milliseconds.
const ERROR_MIN: f64 = 0.001;
/// Drift is measured by stamps whose error is no jump, of which there must be one in so many.
const DRIFT_STAMPS_PART: usize = 8;
/// Part of the error that is made up for in a second.
const GAIN: f64 = 0.3;
/// Most that sound is stretched: nine cents, which nobody hears. Sound cards are off by a fifth of it.
const STRETCH_MAX: f64 = 0.005;
/// Seconds between two looks at the drift.
const STEER_SECONDS: f64 = 0.1;
/// Stamps that drift is measured by at most.
const STAMPS_MAX: usize = 128;

/// What the stamps say about the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It follows the block before.
    InStep,
    /// The same, although its stamp says something else altogether.
    Stray,
    /// It is due so many samples later.
    Late(u64),
    /// So many samples of it, and maybe of those that follow, are not heard.
    Early(u64),
    /// The stamps went back for good; it follows the block before.
    Restarted,
}

/// The output's clock as the stamps have it.
#[derive(Debug)]
pub(super) struct Clock {
    rate: f64,
    stamped: bool,
    started: bool,
    /// Where the next sample comes to stand, in samples.
    position: f64,
    /// What is added to every stamp.
    offset: f64,
    stretch: f64,
    /// Samples since the last look at the drift.
    since: f64,
}

impl Clock {
    pub(super) fn new(rate: u32, stamped: bool) -> Self {
        let rate = f64::from(rate);
        let since = f64::INFINITY;
        Self { rate, stamped, started: false, position: 0.0, offset: 0.0, stretch: 1.0, since }
    }

    /// Samples that must be known before the first of them is judged.
    pub(super) fn lookahead(&self) -> u64 {
        samples(DRIFT_SECONDS * self.rate)
    }

    /// Says that the next sample comes to stand at `position`.
    pub(super) fn stands_at(&mut self, position: u64) {
        self.position = position as f64;
    }

    /// Says that `count` samples are played; gives the length to stretch each of them to.
    pub(super) fn played(&mut self, count: u64) -> f64 {
        self.position += count as f64 * self.stretch;
        self.since += count as f64;
        self.stretch
    }

    /// Judges the first block; `ending` when none will follow the last.
    pub(super) fn judge(&mut self, blocks: &VecDeque<Block>, ending: bool) -> Verdict {
        let Some(stamp) = blocks.front().and_then(|block| block.stamp) else {
            return Verdict::InStep;
        };
        if !std::mem::replace(&mut self.started, true) {
            return self.start(stamp, blocks);
        }
        if !self.stamped {
            return Verdict::InStep;
        }
        let error = stamp as f64 + self.offset - self.position;
        if error.abs() > JUMP_MIN * self.rate {
            if let Some(verdict) = self.jump(blocks, ending) {
                return verdict;
            }
            if error.abs() > OVERLAP_MAX * self.rate {
                return Verdict::Stray;
            }
        }
        if self.since >= STEER_SECONDS * self.rate {
            self.since = 0.0;
            self.stretch = self.steered(blocks);
        }
        Verdict::InStep
    }

    /// The first stamp counts, unless all that follow agree that it is a stray one.
    fn start(&self, stamp: i64, blocks: &VecDeque<Block>) -> Verdict {
        let seen = self.seen(blocks, JUMP_SECONDS);
        let (first, common) = (stamp as f64, |part| seen.quantile(part).unwrap_or_default());
        let min = JUMP_MIN * self.rate;
        let stray = first < common(0.1) - min || first > common(0.9) + min;
        let at = if stray && self.stamped { common(0.5) } else { first };
        if at >= 0.0 { Verdict::Late(samples(at)) } else { Verdict::Early(samples(-at)) }
    }

    /// A jump, when the next second agrees on it and its clock runs.
    fn jump(&mut self, blocks: &VecDeque<Block>, ending: bool) -> Option<Verdict> {
        let seen = self.seen(blocks, JUMP_SECONDS);
        if seen.stands_still() {
            return None;
        }
        let (low, high) = (seen.quantile(0.1)?, seen.quantile(0.9)?);
        let min = JUMP_MIN * self.rate;
        let brief = ending && seen.span < ENDING_SECONDS * self.rate;
        if low > min {
            return (!brief).then_some(Verdict::Late(samples(low)));
        }
        if high >= -min {
            return None;
        }
        if high >= -OVERLAP_MAX * self.rate {
            return Some(Verdict::Early(samples(-high)));
        }
        if brief {
            return None;
        }
        self.offset -= seen.quantile(0.5)?;
        Some(Verdict::Restarted)
    }

    /// The stretch that makes up for the error most stamps agree on.
    fn steered(&self, blocks: &VecDeque<Block>) -> f64 {
        let mut seen = self.seen(blocks, DRIFT_SECONDS);
        let all = seen.errors.len();
        seen.errors.retain(|error| error.abs() <= JUMP_MIN * self.rate);
        if DRIFT_STAMPS_PART * seen.errors.len() < all {
            return 1.0;
        }
        let error = seen.quantile(0.5).unwrap_or_default() / self.rate;
        let beyond = (error.abs() - ERROR_MIN).max(0.0).copysign(error);
        1.0 + (GAIN * beyond).clamp(-STRETCH_MAX, STRETCH_MAX)
    }

    /// How far the stamps of the next `seconds` are from where the samples would come to stand.
    fn seen(&self, blocks: &VecDeque<Block>, seconds: f64) -> Seen {
        let mut seen = Seen::default();
        let every = blocks.len().div_ceil(STAMPS_MAX).max(1);
        for (index, block) in blocks.iter().enumerate() {
            if seen.span >= seconds * self.rate {
                break;
            }
            if let Some(stamp) = block.stamp.filter(|_| index % every == 0) {
                seen.errors.push(stamp as f64 + self.offset - self.position - seen.span);
            }
            seen.span += block.frames.len() as f64;
        }
        seen.fell = seen.errors.first().copied().unwrap_or_default()
            - seen.errors.last().copied().unwrap_or_default();
        seen.errors.sort_unstable_by(f64::total_cmp);
        seen
    }
}

/// The errors of some seconds of stamps, in samples.
#[derive(Debug, Default)]
struct Seen {
    /// In order of size.
    errors: Vec<f64>,
    /// Samples looked at.
    span: f64,
    /// The first error less the last.
    fell: f64,
}

impl Seen {
    fn quantile(&self, part: f64) -> Option<f64> {
        let last = self.errors.len().checked_sub(1)?;
        self.errors.get(length(last as f64 * part)).copied()
    }

    /// True when samples pass while the stamps do not: libavformat repeats the highest stamp it has
    /// seen, where one packet is stamped far ahead of those that follow.
    fn stands_still(&self) -> bool {
        self.errors.len() > 1 && self.fell > self.span / 2.0
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative numbers become 0, and no sound has 2^63 samples"
)]
fn samples(count: f64) -> u64 {
    count.round() as u64
}

fn length(count: f64) -> usize {
    usize::try_from(samples(count)).unwrap_or(usize::MAX)
}
