//! Which runs share a clock, and where each epoch is placed.

use std::ops::Range;

use super::{Correction, Run, Runs, Stamps};

/// Longest pause in microseconds that a clock which may restart is believed.
const PAUSE_MAX_US: i64 = 600_000_000;
/// How far outside of an epoch, in microseconds, a track that joins it may begin: tracks are muxed
/// up to seconds apart.
const NEAR_US: i64 = 10_000_000;
/// Most packets of a run that may be strays.
const STRAYS_MAX: u64 = 3;
/// How closely in microseconds the run after strays goes on where the run before them ended.
const RESUMES_US: i64 = 2_000_000;
/// Distance in microseconds from which first or last packets are judged against other tracks.
const APART_US: i64 = NEAR_US;
/// Sound that reaches over a joint by less than this, in microseconds, does not delay the pictures.
const OVERHANG_US: i64 = 100_000;
/// Sound that starts earlier than the first picture of an epoch by less is cut there.
const UNEVEN_US: i64 = crate::timeline::UNEVEN_MAX_US;
/// Epochs and strays corrected at most, over all tracks.
const CORRECTIONS_MAX: usize = 1000;

/// What has to be done to stamps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Laid {
    /// Corrections of each track, in order; packets in none of them keep their stamps.
    pub tracks: Vec<Vec<Correction>>,
    /// Where each epoch but the first begins, in microseconds on the file's first clock.
    pub joints_us: Vec<i64>,
    /// Packets whose own stamp is not used.
    pub strays: u64,
}

impl Laid {
    /// True when every packet keeps its stamp.
    pub fn is_empty(&self) -> bool {
        self.tracks.iter().all(Vec::is_empty)
    }
}

/// Lays the epochs of a file's tracks end to end. `picture` is the index of the track whose pictures
/// follow each other without a break; `restarts` says that the container's clocks may jump.
///
/// Nothing is corrected where there would be more corrections than a run of ffmpeg can take.
pub fn lay(tracks: &[Runs], picture: Option<usize>, restarts: bool) -> Laid {
    let strays: Vec<Vec<bool>> = (0..tracks.len()).map(|track| strays(tracks, track)).collect();
    let epochs = Epochs::find(tracks, &strays, restarts);
    let moved = epochs.moved(tracks, picture);
    let mut laid = Laid::default();
    for (track, runs) in tracks.iter().enumerate() {
        let of = |run: usize| epochs.of[track][run].map(|epoch| moved[epoch]);
        let corrections = corrections(runs, &strays[track], of);
        let counted = corrections.iter().filter(|it| it.stamps.is_counted());
        laid.strays += counted.map(|it| it.to - it.from).sum::<u64>();
        laid.tracks.push(corrections);
    }
    laid.joints_us =
        (1..moved.len()).map(|epoch| epochs.ranges[epoch].start + moved[epoch]).collect();
    if laid.tracks.iter().map(Vec::len).sum::<usize>() > CORRECTIONS_MAX {
        return Laid { tracks: vec![Vec::new(); tracks.len()], ..Laid::default() };
    }
    laid
}

/// Which runs of a track say nothing about time.
fn strays(tracks: &[Runs], track: usize) -> Vec<bool> {
    let (runs, base) = (tracks[track].runs(), tracks[track].base);
    let us = |ticks: i64| base.micros(ticks);
    let near = |run: &Run| {
        let mut others = tracks.iter().enumerate().filter(|(other, _)| *other != track);
        let (start, end) = (us(run.clock.0) - NEAR_US, us(run.clock.1) + NEAR_US);
        others.any(|(_, other)| {
            let us = |ticks: i64| other.base.micros(ticks);
            other.runs().iter().any(|run| us(run.clock.0) < end && start < us(run.end))
        })
    };
    let alone = tracks.iter().enumerate().all(|(other, it)| other == track || it.runs().is_empty());
    let mut found = vec![false; runs.len()];
    for (at, run) in runs.iter().enumerate() {
        let before = (0..at).rev().find(|&before| !found[before]).map(|before| &runs[before]);
        let after = runs.get(at + 1);
        let frozen = runs.len() > 1 && run.is_frozen(base);
        let stray = run.packets <= STRAYS_MAX
            && match (before, after) {
                (Some(before), Some(after)) => {
                    let resumes = us(after.clock.0 - before.clock.1).abs() <= RESUMES_US;
                    resumes && !(before.clock.1..=after.clock.0).contains(&run.clock.0)
                }
                (Some(before), None) => {
                    us(run.clock.0 - before.clock.1).abs() > APART_US && !alone && !near(run)
                }
                (None, Some(after)) => {
                    us(after.clock.0 - run.clock.1).abs() > APART_US && !alone && !near(run)
                }
                (None, None) => false,
            };
        found[at] = frozen || stray;
    }
    found
}

/// Runs by the clock they share.
struct Epochs {
    /// Raw times of each epoch in microseconds.
    ranges: Vec<Range<i64>>,
    /// Epoch of each run of each track; `None` for strays.
    of: Vec<Vec<Option<usize>>>,
}

impl Epochs {
    fn find(tracks: &[Runs], strays: &[Vec<bool>], restarts: bool) -> Self {
        let of = tracks.iter().map(|runs| vec![None; runs.runs().len()]).collect();
        let mut epochs = Self { ranges: Vec::new(), of };
        let mut all: Vec<(u64, usize, usize)> = Vec::new();
        for (track, runs) in tracks.iter().enumerate() {
            let sound = runs.runs().iter().enumerate().filter(|(run, _)| !strays[track][*run]);
            all.extend(sound.map(|(run, it)| (it.order, track, run)));
        }
        all.sort_unstable();
        let mut current: Vec<Option<(usize, i64)>> = vec![None; tracks.len()];
        for (_, track, at) in all {
            let (run, base) = (&tracks[track].runs()[at], tracks[track].base);
            let clock = base.micros(run.clock.0);
            // A splice of less than the clocks' play: sound may even advance over it, or begin there.
            let after = current[track].map_or(0, |(epoch, _)| epoch + 1);
            let joined = epochs.latest_around(clock, after).filter(|_| run.cut);
            let epoch = match current[track] {
                _ if joined.is_some() => joined,
                Some((epoch, last)) if goes_on(tracks, track, last..clock, restarts) => Some(epoch),
                Some((epoch, _)) => epochs.around(clock, epoch + 1, NEAR_US),
                None => {
                    let limit = if restarts { PAUSE_MAX_US } else { i64::MAX / 4 };
                    epochs.around(clock, 0, NEAR_US).or_else(|| epochs.around(clock, 0, limit))
                }
            };
            let range = base.micros(run.start)..base.micros(run.end);
            let epoch = epoch.unwrap_or(epochs.ranges.len());
            match epochs.ranges.get_mut(epoch) {
                None => epochs.ranges.push(range),
                Some(known) => {
                    *known = known.start.min(range.start)..known.end.max(range.end);
                }
            }
            epochs.of[track][at] = Some(epoch);
            current[track] = Some((epoch, base.micros(run.clock.1)));
        }
        epochs
    }

    /// The first epoch from `from` on that holds a time, or nearly.
    fn around(&self, clock: i64, from: usize, near: i64) -> Option<usize> {
        self.all_around(clock, from, near).next()
    }

    /// The last of these.
    fn latest_around(&self, clock: i64, from: usize) -> Option<usize> {
        self.all_around(clock, from, NEAR_US).next_back()
    }

    fn all_around(
        &self,
        clock: i64,
        from: usize,
        near: i64,
    ) -> impl DoubleEndedIterator<Item = usize> {
        let holds =
            move |range: &Range<i64>| (range.start - near..range.end + near).contains(&clock);
        (from..self.ranges.len()).filter(move |&epoch| holds(&self.ranges[epoch]))
    }

    /// By how much each epoch moves, in microseconds, so that one follows the other.
    fn moved(&self, tracks: &[Runs], picture: Option<usize>) -> Vec<i64> {
        let mut moved = vec![0];
        for epoch in 1..self.ranges.len() {
            let before = moved[epoch - 1];
            let ends = self.ranges[epoch - 1].end + before;
            let starts = self.ranges[epoch].start;
            let pictures = picture.and_then(|track| {
                let last = self.pictures(&tracks[track], track, epoch - 1)?;
                let first = self.pictures(&tracks[track], track, epoch)?;
                let step = tracks[track].base.micros(tracks[track].step().times(1)).max(1);
                Some((last.end + before, first.start, step))
            });
            moved.push(match pictures {
                None => ends - starts,
                Some((last, first, step)) => {
                    // Whole frames, so that the grid of the pictures goes on.
                    let whole = |us: i64, free: i64| {
                        if us <= free { 0 } else { (us + step - 1) / step * step }
                    };
                    let held = whole(ends - last, OVERHANG_US) + whole(first - starts, UNEVEN_US);
                    last + held - first
                }
            });
        }
        moved
    }

    /// Times of a track's pictures in an epoch. A last picture without duration lasts one step.
    fn pictures(&self, runs: &Runs, track: usize, epoch: usize) -> Option<Range<i64>> {
        let of = runs.runs().iter().zip(&self.of[track]);
        let within = of.filter(|(_, it)| **it == Some(epoch)).map(|(run, _)| run);
        let range = within.map(|run| (run.start, run.end.max(run.clock.1 + runs.step().times(1))));
        let (start, end) = range.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(runs.base.micros(start)..runs.base.micros(end))
    }
}

/// True when a track's clock goes on from `step.start` to `step.end`: it advances, and a long pause
/// is one that other tracks fill, or that the container's clock cannot have made up.
fn goes_on(tracks: &[Runs], track: usize, step: Range<i64>, restarts: bool) -> bool {
    // What packets out of order do is no restart.
    if step.end + tracks[track].base.micros(tracks[track].back()) < step.start {
        return false;
    }
    let filled = || {
        let mut others = tracks.iter().enumerate().filter(|(other, _)| *other != track);
        others.any(|(_, other)| {
            let middle = step.start.midpoint(step.end);
            let us = |ticks: i64| other.base.micros(ticks);
            other.runs().iter().any(|run| us(run.start) <= middle && middle < us(run.end))
        })
    };
    step.end - step.start <= PAUSE_MAX_US || !restarts || filled()
}

/// The corrections of one track; `moved` gives by how many microseconds a run moves.
fn corrections(
    runs: &Runs,
    strays: &[bool],
    moved: impl Fn(usize) -> Option<i64>,
) -> Vec<Correction> {
    let base = runs.base;
    let ticks = |us: i64| {
        let above = i128::from(us) * i128::from(base.den);
        let below = i128::from(base.num) * 1_000_000;
        i64::try_from((2 * above + below).div_euclid(2 * below)).unwrap_or(0)
    };
    let (all, step) = (runs.runs(), runs.step());
    let mut found: Vec<Correction> = Vec::new();
    // Where the next packet is due, on the new line.
    let mut due: Option<i64> = None;
    for (at, run) in all.iter().enumerate() {
        let (from, to) = (run.first, run.first + run.packets);
        let count = i64::try_from(run.packets).unwrap_or(0);
        if strays[at] {
            let next = (at + 1..all.len()).find(|&next| !strays[next]);
            let before_next = || {
                let next = next?;
                Some(all[next].start + ticks(moved(next)?) - step.times(count))
            };
            let first = due.or_else(before_next).unwrap_or(0);
            found.push(Correction { from, to, stamps: Stamps::Counted { first, step } });
            due = Some(first + step.times(count));
            continue;
        }
        let by = ticks(moved(at).unwrap_or(0));
        due = Some((run.end.max(run.clock.1 + step.times(1))) + by);
        match found.last_mut() {
            Some(last) if last.to == from && last.stamps == Stamps::Moved(by) => last.to = to,
            _ if by == 0 => {}
            _ => found.push(Correction { from, to, stamps: Stamps::Moved(by) }),
        }
    }
    found
}
