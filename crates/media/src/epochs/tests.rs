//! Files of known clocks.

use super::*;
use crate::timeline::TimeBase;

const MS: TimeBase = TimeBase { num: 1, den: 1000 };

/// Tracks of packets given as (track, stamp), in file order; pictures last 40 ms, sound 20 ms.
fn laid(packets: &[(usize, i64)], restarts: bool) -> Laid {
    let mut tracks = vec![Runs::new(MS, 0.1), Runs::new(MS, 0.1)];
    for (order, &(track, stamp)) in (0..).zip(packets) {
        tracks[track].push(order, Some(stamp), Some(stamp), [40, 20][track]);
    }
    lay(&tracks, Some(0), restarts)
}

/// Ten seconds of both tracks from `start` on, the sound muxed half a second late.
fn programme(start: i64) -> Vec<(usize, i64)> {
    let mut packets: Vec<(i64, usize, i64)> =
        (0..250).map(|i| (i * 40, 0, start + i * 40)).collect();
    packets.extend((0..500).map(|i| (i * 20 + 500, 1, start + i * 20)));
    packets.sort_unstable();
    packets.into_iter().map(|(_, track, stamp)| (track, stamp)).collect()
}

fn moved(from: u64, to: u64, by: i64) -> Correction {
    Correction { from, to, stamps: Stamps::Moved(by) }
}

#[test]
fn one_clock_is_left_alone() {
    assert!(laid(&programme(5000), true).is_empty());
}

#[test]
fn programmes_follow_each_other_whatever_their_clocks() {
    for (second, by) in [(3000, 7000), (0, 10_000), (5_000_000, -4_990_000)] {
        let mut packets = programme(0);
        packets.extend(programme(second));
        let laid = laid(&packets, true);
        assert_eq!(laid.tracks, [vec![moved(250, 500, by)], vec![moved(500, 1000, by)]]);
        assert_eq!((laid.joints_us, laid.strays), (vec![10_000_000], 0));
    }
}

#[test]
fn three_programmes_are_three_epochs() {
    let mut packets = programme(50_000);
    packets.extend(programme(20_000));
    packets.extend(programme(10_000));
    let laid = laid(&packets, true);
    assert_eq!(laid.tracks[0], [moved(250, 500, 40_000), moved(500, 750, 60_000)]);
    assert_eq!(laid.tracks[1], [moved(500, 1000, 40_000), moved(1000, 1500, 60_000)]);
    assert_eq!(laid.joints_us, [60_000_000, 70_000_000]);
}

#[test]
fn a_pause_stays_where_clocks_cannot_restart_or_sound_goes_on() {
    let slides = [(0, 0), (0, 40), (0, 700_000), (0, 700_040)];
    assert!(laid(&slides, false).is_empty());
    assert!(!laid(&slides, true).is_empty());
    let mut heard: Vec<(usize, i64)> = (0..36_000).map(|i| (1, i * 20)).collect();
    heard.splice(0..0, [(0, 0), (0, 40)]);
    heard.extend([(0, 700_000), (0, 700_040)]);
    assert!(laid(&heard, true).is_empty());
}

#[test]
fn a_stray_packet_is_put_where_it_stands() {
    let mut packets = programme(0);
    let at = packets.iter().position(|packet| *packet == (0, 4800)).unwrap();
    packets[at].1 = 304_800;
    let found = laid(&packets, false);
    let counted = |from, to, first, (ticks, packets)| {
        let step = Step { ticks, packets };
        Correction { from, to, stamps: Stamps::Counted { first, step } }
    };
    assert_eq!(found.tracks, [vec![counted(120, 121, 4800, (5120, 128))], vec![]]);
    assert_eq!((found.strays, found.joints_us.len()), (1, 0));
    // A muxer that lets no stamp go back repeats it for all that follow, at the end of the file.
    let mut packets: Vec<_> =
        programme(0).into_iter().filter(|&(track, at)| track == 0 || at < 6400).collect();
    packets.extend(std::iter::repeat_n((1, 30_000_000), 180));
    let found = laid(&packets, false);
    assert_eq!(found.tracks, [vec![], vec![counted(320, 500, 6400, (6380, 319))]]);
    // The last packet alone: nothing else is near it.
    let mut packets = programme(0);
    packets.push((0, 300_000));
    assert_eq!(laid(&packets, false).tracks[0], [counted(250, 251, 10_000, (9960, 249))]);
}

#[test]
fn stamps_that_stand_still_behind_a_stray_one_are_counted_however_many_they_are() {
    // The stray one is early in the file; the muxer repeats it, or counts ticks from there.
    for (kept, creep) in [(120, 0), (30, 0), (30, 1), (2, 0)] {
        let mut pictures = -1;
        let packets: Vec<_> = programme(0)
            .into_iter()
            .map(|(track, at)| match track {
                0 => {
                    pictures += 1;
                    (0, if pictures < kept { at } else { 304_800 + creep * (pictures - kept) })
                }
                _ => (track, at),
            })
            .collect();
        let found = laid(&packets, false);
        let [correction] = found.tracks[0][..] else { panic!("{:?}", found.tracks) };
        assert_eq!(u64::try_from(kept).unwrap()..250, correction.from..correction.to);
        for index in correction.from..correction.to {
            let at = i64::try_from(index).unwrap() * 40;
            assert_eq!(correction.apply(index, 304_800), at, "{kept} {creep}");
        }
    }
}

#[test]
fn a_splice_within_a_frame_or_two_moves_pictures_and_sound_alike() {
    // The second programme begins 80 ms before the first ends; its sound does not go back.
    let mut tracks = [Runs::new(MS, 0.0), Runs::new(MS, 0.1)];
    let mut order = 0;
    for start in [0, 9920] {
        for (track, stamp) in programme(start) {
            order += 1;
            if tracks[track].push(order, Some(stamp), Some(stamp), [40, 20][track]) {
                tracks[1].cut();
            }
        }
    }
    let laid = lay(&tracks, Some(0), true);
    assert_eq!(laid.tracks, [vec![moved(250, 500, 80)], vec![moved(500, 1000, 80)]]);
    assert_eq!((laid.joints_us, laid.strays), (vec![10_000_000], 0));
}

#[test]
fn sound_that_begins_at_a_splice_belongs_to_what_follows() {
    let mut tracks = [Runs::new(MS, 0.0), Runs::new(MS, 0.1)];
    for (order, at) in (0..500).enumerate() {
        let stamp = at * 40 - i64::from(at >= 75) * 80;
        if tracks[0].push(order as u64 * 2, Some(stamp), Some(stamp), 40) {
            tracks[1].cut();
        }
        if at >= 75 {
            tracks[1].push(order as u64 * 2 + 1, Some(stamp), Some(stamp), 40);
        }
    }
    let found = lay(&tracks, Some(0), true);
    assert_eq!(found.tracks, [vec![moved(75, 500, 80)], vec![moved(0, 425, 80)]]);
}

#[test]
fn packets_out_of_order_behind_a_stray_one_are_no_restart() {
    // Presentation times in coded order, as Matroska has them; the sixth strays.
    let mut runs = Runs::new(MS, 1.0);
    let order = [0, 4, 2, 1, 3, 308, 6, 5, 7, 12, 10, 9, 11];
    for (at, stamp) in (0..).zip(order) {
        runs.push(at, Some(stamp * 1000 / 25), Some(stamp * 1000 / 25), 40);
    }
    let found = lay(&[runs], Some(0), false);
    let strays: Vec<_> = found.tracks[0].iter().map(|it| (it.from, it.to)).collect();
    assert_eq!((strays, found.joints_us.len()), (vec![(5, 6)], 0));
}

#[test]
fn a_step_is_no_whole_number_of_ticks() {
    // 1024 samples at 48 kHz in milliseconds.
    let stamps = |i: i64| (i * 64 + 1) / 3;
    let mut packets: Vec<(usize, i64)> = (0..300).map(|i| (1, stamps(i))).collect();
    packets.extend(std::iter::repeat_n((1, 30_000_000), 169));
    packets.extend((0..250).map(|i| (0, i * 40)));
    let found = laid(&packets, false);
    let [correction] = found.tracks[1][..] else { panic!("{:?}", found.tracks) };
    assert!((correction.apply(468, 0) - stamps(468)).abs() <= 1, "{correction:?}");
}
