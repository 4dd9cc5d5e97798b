//! Sound whose every sample tells where it came from, so that its place in the output can be read.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::float_cmp,
    reason = "the steps of the ramp are whole numbers that every type here holds exactly"
)]

use proptest::prelude::*;

use super::*;

const RATE: u32 = 48_000;
const PACKET: usize = 1024;
const SECOND: i64 = RATE as i64;

/// Steps of the ramp in one: a power of two, so that every step is exact.
const STEPS: f32 = 4096.0;

/// Blocks of a ramp that rises by one step a sample.
fn ramp(from: usize, packets: usize, stamp: impl Fn(usize) -> Option<i64>) -> Vec<Block> {
    let level = |sample: usize| (from + sample) as f32 / STEPS;
    let block = |packet: usize| Block {
        stamp: stamp(packet),
        frames: (packet * PACKET..(packet + 1) * PACKET).map(|n| [level(n), -level(n)]).collect(),
    };
    (0..packets).map(block).collect()
}

fn at(packet: usize) -> i64 {
    (packet * PACKET) as i64
}

fn finished(alignment: &mut Alignment, out: &mut Vec<Frame>) -> Report {
    loop {
        if let Some(report) = alignment.finish(out) {
            return report;
        }
    }
}

fn aligned(blocks: Vec<Block>, end: u64, stamped: bool) -> (Vec<Frame>, Report) {
    let (mut alignment, mut out) = (Alignment::new(RATE, end, stamped), Vec::new());
    for block in blocks {
        alignment.push(block, &mut out);
        while alignment.owes() {
            alignment.advance(&mut out);
        }
    }
    let report = finished(&mut alignment, &mut out);
    assert_eq!(out.len() as u64, end, "{report:?}");
    (out, report)
}

/// The sample of the ramp that is heard at sample `at` of the output.
fn heard(out: &[Frame], at: i64) -> f64 {
    f64::from(out[usize::try_from(at).unwrap()][0] * STEPS)
}

#[test]
fn sound_in_step_is_not_touched() {
    let blocks = ramp(1, 500, |packet| Some(at(packet)));
    let expected: Vec<Frame> = blocks.iter().flat_map(|block| block.frames.clone()).collect();
    let (out, report) = aligned(blocks, at(500).unsigned_abs(), true);
    assert!(out == expected);
    assert_eq!(report, Report { decoded: 500 * 1024, ..Report::default() });
}

#[test]
fn stamps_in_milliseconds_are_exact_enough() {
    let rounded = |packet| Some((at(packet) * 1000 / SECOND) * SECOND / 1000);
    let blocks = ramp(1, 500, rounded);
    let expected: Vec<Frame> = blocks.iter().flat_map(|block| block.frames.clone()).collect();
    assert!(aligned(blocks, at(500).unsigned_abs(), true).0 == expected);
}

#[test]
fn sound_starts_where_its_stamp_says_and_what_is_before_zero_is_not_heard() {
    let (out, report) = aligned(ramp(1, 100, |packet| Some(at(packet) + 5000)), 60_000, true);
    assert_eq!((report.lead, heard(&out, 5000), out[4999]), (5000, 1.0, [0.0; 2]));
    let (out, report) = aligned(ramp(1, 100, |packet| Some(at(packet) - 5000)), 60_000, true);
    assert_eq!((report.lead, report.cut, heard(&out, 0)), (0, 0, 5001.0));
}

#[test]
fn a_gap_is_filled_with_silence_where_it_is() {
    for (gap, start) in [(1100, 50), (SECOND * 3, 200), (SECOND * 7, 380)] {
        let stamp = |packet| Some(at(packet) + if packet < start { 0 } else { gap });
        let (out, report) = aligned(ramp(1, 400, stamp), 800_000, true);
        assert_eq!(report.filled, gap.unsigned_abs());
        let joint = at(start);
        let silent = &out[usize::try_from(joint).unwrap()..usize::try_from(joint + gap).unwrap()];
        assert!(silent.iter().all(|frame| *frame == [0.0; 2]));
        assert_eq!(heard(&out, joint - 1), joint as f64);
        assert_eq!(heard(&out, joint + gap), joint as f64 + 1.0);
    }
}

#[test]
fn an_overlap_is_cut() {
    let stamp = |packet| Some(at(packet) - if packet < 200 { 0 } else { 2400 });
    let (out, report) = aligned(ramp(1, 400, stamp), 400_000, true);
    assert_eq!((report.cut, report.filled), (2400, 0));
    assert_eq!(heard(&out, at(300)), at(300) as f64 + 2401.0);
}

#[test]
fn late_stamps_are_neither_gaps_nor_overlaps() {
    // Bursts: a packet is 80 ms late, and those behind it make up for it.
    let late = |packet: usize| (3840 - 1000 * i64::try_from(packet % 96).unwrap()).max(0);
    let blocks = ramp(1, 900, |packet| Some(at(packet) + late(packet)));
    let (out, report) = aligned(blocks, at(900).unsigned_abs(), true);
    assert_eq!((report.filled, report.cut, report.tail), (0, 0, 0));
    for second in 1..19 {
        assert!((heard(&out, second * SECOND) - (second * SECOND) as f64).abs() < 10.0);
    }
}

#[test]
fn drift_is_followed_without_gaps() {
    for parts in [-3.0, 1.0] {
        let stretch = 1.0 + parts / 1000.0;
        let stamp = |packet| Some((at(packet) as f64 * stretch).round() as i64);
        let (out, report) = aligned(ramp(1, 1000, stamp), 1_040_000, true);
        assert_eq!((report.filled, report.cut), (0, 0), "{parts}");
        for second in 1..21 {
            let instant = second * SECOND;
            let off = heard(&out, instant) - instant as f64 / stretch;
            assert!(off.abs() < 0.012 * f64::from(RATE), "{parts}: {off} at {second} s");
        }
    }
}

#[test]
fn a_stray_stamp_moves_nothing() {
    for stray in [0, 1, 150, 399] {
        for by in [30_000 * SECOND, 2 * SECOND, -5 * SECOND] {
            let stamp = |packet| Some(at(packet) + if packet == stray { by } else { 0 });
            let (out, report) = aligned(ramp(1, 400, stamp), at(400).unsigned_abs(), true);
            assert_eq!((report.filled, report.lead), (0, 0), "packet {stray} by {by}");
            assert_eq!(heard(&out, at(399)), at(399) as f64 + 1.0);
            assert_eq!(report.stray, if stray == 0 { 0 } else { 1024 }, "packet {stray} by {by}");
        }
    }
}

#[test]
fn a_clock_that_stands_still_is_not_asked() {
    let stamp = |packet| Some(if packet < 300 { at(packet) } else { 30_000 * SECOND });
    let (out, report) = aligned(ramp(1, 470, stamp), at(470).unsigned_abs(), true);
    assert_eq!((report.filled, report.tail, report.stray), (0, 0, 170 * 1024));
    assert_eq!(heard(&out, at(469)), at(469) as f64 + 1.0);
}

#[test]
fn a_clock_that_starts_again_loses_nothing() {
    let stamp = |packet| Some(at(if packet < 300 { packet } else { packet - 300 }));
    let (out, report) = aligned(ramp(1, 600, stamp), at(600).unsigned_abs(), true);
    assert_eq!((report.restarts, report.cut, report.tail), (1, 0, 0));
    assert_eq!(heard(&out, at(599)), at(599) as f64 + 1.0);
}

#[test]
fn without_stamps_samples_follow_one_another() {
    let (out, _) = aligned(ramp(1, 100, |packet| Some(at(packet * 2) + 100)), 102_500, false);
    assert_eq!((heard(&out, 100), heard(&out, 102_499)), (1.0, 102_400.0));
    let (out, _) = aligned(ramp(1, 100, |_| None), 102_400, true);
    assert_eq!(heard(&out, 102_399), 102_400.0);
}

#[test]
fn silence_of_hours_is_given_in_pieces() {
    let end = 3600 * u64::from(RATE);
    let blocks = ramp(1, 400, |packet| Some(at(packet) + if packet < 200 { 0 } else { 1 << 26 }));
    let (mut alignment, mut given, mut longest) = (Alignment::new(RATE, end, true), 0, 0);
    let mut took = |out: Vec<Frame>| {
        given += out.len() as u64;
        longest = longest.max(out.len());
    };
    for block in blocks {
        let mut out = Vec::new();
        alignment.push(block, &mut out);
        took(out);
        while alignment.owes() {
            let mut out = Vec::new();
            alignment.advance(&mut out);
            took(out);
        }
    }
    let report = loop {
        let mut out = Vec::new();
        let report = alignment.finish(&mut out);
        took(out);
        if let Some(report) = report {
            break report;
        }
    };
    assert_eq!((given, report.filled), (end, 1 << 26));
    assert!(longest <= PIECE + 4 * length(u64::from(RATE)), "{longest} samples at once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn whatever_the_stamps_the_length_is_the_planned_one(
        sizes in proptest::collection::vec((1_usize..5000, proptest::option::of(-10_000_000_i64..10_000_000)), 0..200),
        end in 0_u64..1_000_000,
    ) {
        let blocks = sizes.into_iter().map(|(size, stamp)| Block { stamp, frames: vec![[0.5; 2]; size] });
        let (mut alignment, mut out) = (Alignment::new(RATE, end, true), Vec::new());
        let mut given = 0;
        for block in blocks {
            given += block.frames.len() as u64;
            alignment.push(block, &mut out);
            prop_assert!(out.len() as u64 <= end);
        }
        let report = finished(&mut alignment, &mut out);
        prop_assert_eq!(out.len() as u64, end);
        prop_assert_eq!(report.decoded, given);
        prop_assert!(report.lead + report.filled + report.tail <= end);
    }
}
