//! Where a picture with a stray stamp belongs: where one is missing among its neighbours.

use crate::epochs::{Correction, Stamps, Step};

/// Pictures on each side, in the order of the file, among which the hole is looked for: more than any
/// codec keeps back.
const NEIGHBOURS: usize = 32;
/// How wide a hole is at least, in distances of two pictures.
const HOLE_MIN: f64 = 1.5;

/// Replaces the corrections that `few` names by one for each picture, stamped in its hole where there
/// is one; `times` are the stamps as they stand in the file.
pub(super) fn fill(
    times: &[i64],
    corrections: &mut Vec<Correction>,
    few: impl Fn(&Correction) -> bool,
) {
    let mut corrected: Vec<Option<i64>> = times.iter().copied().map(Some).collect();
    for correction in corrections.iter() {
        for index in correction.from..correction.to {
            let Some(time) = usize::try_from(index).ok().and_then(|at| corrected.get_mut(at))
            else {
                continue;
            };
            *time = time.filter(|_| !few(correction)).map(|time| correction.apply(index, time));
        }
    }
    let filled = corrections.iter().flat_map(|correction| {
        if !few(correction) {
            return vec![*correction];
        }
        let singles = (correction.from..correction.to).map(|index| {
            let due = correction.apply(index, 0);
            let at = usize::try_from(index).unwrap_or(usize::MAX);
            let first = hole(&corrected, at, due).unwrap_or(due);
            if let Some(time) = corrected.get_mut(at) {
                *time = Some(first);
            }
            let step = Step { ticks: 0, packets: 1 };
            Correction { from: index, to: index + 1, stamps: Stamps::Counted { first, step } }
        });
        singles.collect()
    });
    *corrections = filled.collect();
}

/// The middle of the hole nearest to where the picture is due, beside its neighbours.
fn hole(times: &[Option<i64>], at: usize, due: i64) -> Option<i64> {
    let beside = at.saturating_sub(NEIGHBOURS)..(at + NEIGHBOURS).min(times.len());
    let mut near: Vec<i64> = times.get(beside)?.iter().flatten().copied().collect();
    near.sort_unstable();
    let mut steps: Vec<i64> = near.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    let step = *steps.get(steps.len() / 2)?;
    let wide = |pair: &&[i64]| (pair[1] - pair[0]) as f64 >= HOLE_MIN * step as f64;
    let holes = near.windows(2).filter(wide).map(|pair| {
        // Of a wider hole, the place behind its first edge: a pause stays one.
        pair[0] + (pair[1] - pair[0]).min(2 * step) / 2
    });
    holes
        .min_by_key(|hole| hole.abs_diff(due))
        .filter(|hole| hole.abs_diff(due) <= NEIGHBOURS as u64 * step.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures in the order in which a coder with two or three B-frames writes them.
    fn coded() -> Vec<i64> {
        let order = [0, 4, 2, 1, 3];
        let groups = (0..20).flat_map(|group| order.iter().skip(1).map(move |at| group * 4 + at));
        std::iter::once(0).chain(groups).map(|at| at * 40).collect()
    }

    #[test]
    fn a_stray_picture_goes_where_one_is_missing() {
        let times = coded();
        for at in 1..times.len() - 4 {
            let mut spoilt = times.clone();
            spoilt[at] += 300_000;
            let first = times[..at].iter().max().unwrap() + 40;
            let step = Step { ticks: 40, packets: 1 };
            let index = at as u64;
            let mut corrections = vec![Correction {
                from: index,
                to: index + 1,
                stamps: Stamps::Counted { first, step },
            }];
            fill(&spoilt, &mut corrections, |_| true);
            assert_eq!(corrections[0].apply(index, spoilt[at]), times[at], "{at}");
        }
    }

    #[test]
    fn without_a_hole_a_picture_stays_where_it_is_due() {
        let times: Vec<i64> = (0..50).map(|at| at * 40).chain([300_000]).collect();
        let step = Step { ticks: 40, packets: 1 };
        let stamps = Stamps::Counted { first: 2000, step };
        let mut corrections = vec![Correction { from: 50, to: 51, stamps }];
        fill(&times, &mut corrections, |_| true);
        assert_eq!(corrections[0].apply(50, 300_000), 2000);
    }
}
