//! The stamps of one track, folded into runs.

use crate::timeline::TimeBase;

/// A step forward in seconds that ends a run. Slides and pauses do so too: that costs nothing, for
/// runs of one clock are one epoch.
const FORWARD_MAX: f64 = 1.0;

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
    found: Vec<Run>,
}

impl Runs {
    /// An empty track; its clock may step back by `back_seconds` within a run.
    pub fn new(base: TimeBase, back_seconds: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "about a second in ticks")]
        let ticks = |seconds: f64| (seconds / base.seconds(1)).round() as i64;
        let (back, forward) = (ticks(back_seconds), ticks(FORWARD_MAX));
        Self { base, back, forward, packets: 0, found: Vec::new() }
    }

    /// Adds a packet, the `order`-th of the file; one without times only counts.
    pub fn push(&mut self, order: u64, clock: Option<i64>, pts: Option<i64>, duration: i64) {
        let first = self.packets;
        self.packets += 1;
        let Some((clock, pts)) = clock.or(pts).zip(pts.or(clock)) else {
            if let Some(run) = self.found.last_mut() {
                run.packets += 1;
            }
            return;
        };
        let end = pts.saturating_add(duration.max(0));
        if let Some(run) = self.found.last_mut() {
            let step = clock.saturating_sub(run.clock.1);
            if -self.back <= step && step <= self.forward {
                run.packets += 1;
                run.clock.1 = run.clock.1.max(clock);
                (run.start, run.end) = (run.start.min(pts), run.end.max(end));
                return;
            }
        }
        let clock = (clock, clock);
        self.found.push(Run { first, packets: 1, order, clock, start: pts, end });
    }

    /// The runs, in file order.
    pub fn runs(&self) -> &[Run] {
        &self.found
    }

    /// Ticks from one packet to the next, in the longest run.
    pub fn step(&self) -> i64 {
        let longest = self.found.iter().max_by_key(|run| run.packets);
        longest.map_or(0, |run| {
            let steps = i64::try_from(run.packets).unwrap_or(i64::MAX) - 1;
            if steps == 0 {
                run.end - run.start
            } else {
                (run.clock.1 - run.clock.0 + steps / 2) / steps
            }
        })
    }
}
