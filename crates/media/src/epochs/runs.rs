//! The stamps of one track, folded into runs.

use super::Step;
use crate::timeline::TimeBase;

/// A step forward in seconds that ends a run. Slides and pauses do so too: that costs nothing, for
/// runs of one clock are one epoch.
const FORWARD_MAX: f64 = 1.0;
/// No packet is this short, in seconds: the shortest are 2.5 ms of Opus.
const SHORTEST: f64 = 0.001;

/// Packets that follow each other in the file and whose clock advances. Times are ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Index of the first packet in its track.
    pub first: u64,
    /// Packets.
    pub packets: u64,
    /// Index of the first packet in the file.
    pub order: u64,
    /// Clock of the first packet and the highest of all: decode time, or presentation time where
    /// the container has no other.
    pub clock: (i64, i64),
    /// Earliest presentation time.
    pub start: i64,
    /// Latest end of a presentation.
    pub end: i64,
    /// Sum of what the packets but the last say of their duration.
    pub lasted: i64,
    /// True when it begins because another track's clock went back.
    pub cut: bool,
    /// Duration of the last packet.
    last: i64,
}

impl Run {
    /// Steps from packet to packet.
    fn steps(&self) -> i64 {
        i64::try_from(self.packets).unwrap_or(i64::MAX) - 1
    }

    /// True when packets follow each other while their stamps do not: muxers that let no stamp go
    /// back repeat the one that strayed ahead, or count on from it tick by tick.
    pub(super) fn is_frozen(&self, base: TimeBase) -> bool {
        let span = self.clock.1 - self.clock.0;
        let shortest = SHORTEST * self.steps() as f64;
        self.steps() > 0 && (2 * span < self.lasted || base.seconds(span) <= shortest)
    }
}

/// Folds the packets of one track into runs.
#[derive(Clone, Debug)]
pub struct Runs {
    /// Unit of all times.
    pub base: TimeBase,
    /// How far the clock may step back within a run, in ticks.
    back: i64,
    forward: i64,
    packets: u64,
    cut: bool,
    found: Vec<Run>,
}

impl Runs {
    /// An empty track; its clock may step back by `back_seconds` within a run.
    pub fn new(base: TimeBase, back_seconds: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "about a second in ticks")]
        let ticks = |seconds: f64| (seconds / base.seconds(1)).round() as i64;
        let (back, forward) = (ticks(back_seconds), ticks(FORWARD_MAX));
        Self { base, back, forward, packets: 0, cut: false, found: Vec::new() }
    }

    /// Begins a run with the next packet, because another track's clock went back.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Adds a packet, the `order`-th of the file; one without times only counts. True when the clock
    /// went back.
    pub fn push(
        &mut self,
        order: u64,
        clock: Option<i64>,
        pts: Option<i64>,
        duration: i64,
    ) -> bool {
        let first = self.packets;
        self.packets += 1;
        let Some((clock, pts)) = clock.or(pts).zip(pts.or(clock)) else {
            if let Some(run) = self.found.last_mut() {
                run.packets += 1;
            }
            return false;
        };
        let end = pts.saturating_add(duration.max(0));
        let cut = std::mem::take(&mut self.cut);
        let mut back = false;
        if let Some(run) = self.found.last_mut() {
            let step = clock.saturating_sub(run.clock.1);
            back = step < -self.back;
            if !cut && !back && step <= self.forward {
                run.packets += 1;
                run.lasted = run.lasted.saturating_add(run.last);
                run.last = duration.max(0);
                run.clock.1 = run.clock.1.max(clock);
                (run.start, run.end) = (run.start.min(pts), run.end.max(end));
                return false;
            }
        }
        let clock = (clock, clock);
        let (start, last) = (pts, duration.max(0));
        self.found.push(Run { first, packets: 1, order, clock, start, end, lasted: 0, cut, last });
        back
    }

    /// How far the clock may step back without having started again, in ticks.
    pub(super) fn back(&self) -> i64 {
        self.back
    }

    /// The runs, in file order.
    pub fn runs(&self) -> &[Run] {
        &self.found
    }

    /// From one packet to the next, in the run that lasts longest.
    pub fn step(&self) -> Step {
        let longest = self.found.iter().max_by_key(|run| run.clock.1 - run.clock.0);
        longest.map_or(Step { ticks: 0, packets: 1 }, |run| match run.steps() {
            0 => Step { ticks: run.end - run.start, packets: 1 },
            packets => Step { ticks: run.clock.1 - run.clock.0, packets },
        })
    }
}
