//! Time lines of known stamps.

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
    assert_eq!(defects, Defects { missing: 1, repeated: 1, no_leading_key: true });
}

#[test]
fn the_first_tick_of_a_frame_rounds_to_that_frame_and_the_one_before_does_not() {
    let (timeline, _) = fold(MS, &(0..300).map(|i| i * 40).collect::<Vec<_>>(), &["25"]);
    for index in [1, 2, 150, 299] {
        let tick = timeline.first_tick_of(index);
        assert_eq!(to_frames(tick, MS, timeline.rate), index);
        assert_eq!(to_frames(tick - 1, MS, timeline.rate), index - 1);
    }
}

/// Times of `count` pictures as a muxer writes them: rounded to the time base.
fn stamped(rate: FrameRate, base: TimeBase, start: i64, count: i64) -> Vec<i64> {
    let per_frame = (
        i128::from(rate.den()) * i128::from(base.den),
        i128::from(rate.num()) * i128::from(base.num),
    );
    let tick = |i: i64| (2 * i128::from(i) * per_frame.0 + per_frame.1).div_euclid(2 * per_frame.1);
    (0..count).map(|i| start + i64::try_from(tick(i)).unwrap()).collect()
}

proptest::proptest! {
    /// What ffprobe says of such a file: `r_frame_rate` is the rate or nonsense, and `avg_frame_rate`
    /// a division of tick counts.
    #[test]
    fn every_standard_rate_is_found_in_every_time_base(
        rate in 0..fit::STANDARD.len(),
        base in 0usize..8,
        start in -1_000_000i64..8_000_000_000,
        count in 120i64..4000,
        wild in -3i64..4,
    ) {
        let rate = fit::standards().nth(rate).unwrap();
        let bases = [(1, 90_000), (1, 1000), (1, 48_000), (1, 12_800), (1, 60_000)];
        let ntsc = [(1001, 24_000_000), (1001, 30_000_000), (1001, 60_000_000)];
        let base = *bases.iter().chain(&ntsc).nth(base).unwrap();
        let base = TimeBase { num: base.0, den: base.1 };
        let times = stamped(rate, base, start, count);
        let span = u32::try_from(times[times.len() - 1] - times[0] + wild).unwrap();
        let average = FrameRate::reduced(
            u64::try_from(count - 1).unwrap() * u64::from(base.den),
            u64::from(span) * u64::from(base.num),
        );
        let hints: Vec<FrameRate> = average.into_iter().collect();
        let found = fit::fit(&times, base, &hints, 61.2);
        proptest::prop_assert_eq!((found.rate, found.constant), (rate, true));
    }

    #[test]
    fn a_line_is_as_long_as_its_pictures_and_loses_none(
        rate in 9usize..19,
        // Two pictures 2 ms apart may be of any rate: jitter is told from a rate by many.
        count in 24i64..3000,
        start in -1_000_000i64..8_000_000_000,
        jitter in 0i64..15,
        seed in 1u64..u64::MAX,
    ) {
        let rate = fit::standards().nth(rate).unwrap();
        let mut random = seed;
        let times: Vec<i64> = stamped(rate, MS, start, count).into_iter().map(|time| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Up to 15 ms, but less than half a frame, late or early.
            let most = jitter.min(480 * i64::from(rate.den()) / i64::from(rate.num()) - 1);
            time + i64::try_from(random >> 33).unwrap() % (2 * most + 1) - most
        }).collect();
        let mut builder = TimelineBuilder::new(MS);
        for &time in &times {
            builder.push(Some(time), 0, true);
        }
        let line = builder.finish(&[]).0.unwrap();
        proptest::prop_assert!(line.constant);
        proptest::prop_assert_eq!(line.grid_frames, u64::try_from(count).unwrap());
        let fine = if line.finer { 32 } else { 1 };
        for (i, time) in (0..).zip(times) {
            let at = time * fine - line.start_ticks;
            proptest::prop_assert!(line.first_tick_of(i) <= at && at < line.first_tick_of(i + 1), "{i}");
        }
    }
}

#[test]
fn a_splice_within_a_frame_is_no_rate_of_its_own() {
    // The second half begins half a frame early: the mean is 25.027.
    let base = TimeBase { num: 1, den: 90_000 };
    let times: Vec<i64> = (0..500).map(|i| i * 3600 - i64::from(i >= 250) * 1920).collect();
    let (timeline, _) = fold(base, &times, &["25"]);
    let found = (timeline.rate, timeline.constant, timeline.grid_frames);
    assert_eq!(found, (rate("25"), true, 500));
}

#[test]
fn rates_just_above_sixty_come_out_at_sixty() {
    // In ten seconds every picture still has a frame for itself, in a minute one in 600 has not.
    for (text, pictures, frames) in [
        ("6002/100", 600, 600),
        ("719503/11972", 601, 601),
        ("719503/11972", 3606, 3600),
        ("60/1", 600, 600),
        ("12003/100", 1200, 600),
    ] {
        let base = TimeBase { num: 1, den: 719_503 };
        let (timeline, _) = fold(base, &stamped(rate(text), base, 0, pictures), &[text]);
        assert_eq!((timeline.rate, timeline.grid_frames), (rate("60"), frames), "{text}");
    }
}

#[test]
fn slow_pictures_are_repeated_on_a_grid_of_ten_or_more() {
    for (text, count, shown, frames) in [
        ("1/5", 24, "10", 1200),
        ("7/10", 42, "21/2", 630),
        ("1", 10, "10", 100),
        ("8", 80, "16", 160),
    ] {
        let (timeline, _) = fold(MS, &stamped(rate(text), MS, 0, count), &[text]);
        assert_eq!((timeline.rate, timeline.grid_frames), (rate(shown), frames), "{text}");
        assert!(!timeline.constant);
    }
}

#[test]
fn the_last_picture_lasts_as_long_as_it_says() {
    let mut builder = TimelineBuilder::new(MS);
    (0..5).for_each(|i| builder.push(Some(i * 3000), 3000, i == 0));
    builder.push(Some(15_000), 45_000, false);
    let line = builder.finish(&[rate("1/3")]).0.unwrap();
    assert_eq!((line.rate, line.grid_frames, line.last_frame()), (rate("10"), 600, 150));
    assert_eq!((line.shown_since(140), line.shown_since(599)), (120, 150));
    let mut builder = TimelineBuilder::new(MS);
    builder.push(Some(0), 60_000, true);
    let line = builder.finish(&[rate("1/60")]).0.unwrap();
    assert_eq!((line.rate, line.grid_frames, line.shown_since(599)), (rate("10"), 600, 0));
}

#[test]
fn a_pause_is_held_and_only_its_own_frames_reach_back_over_it() {
    let mut times: Vec<i64> = (0..50).map(|i| i * 200).collect();
    times.extend((0..50).map(|i| 710_000 + i * 200));
    let (line, _) = fold(MS, &times, &["5"]);
    assert_eq!((line.rate, line.grid_frames), (rate("10"), 7200));
    assert_eq!(line.holds, [Hold { from: 98, to: 7100 }]);
    assert_eq!(
        (line.shown_since(50), line.shown_since(5000), line.shown_since(7150)),
        (47, 98, 7147)
    );
}

#[test]
fn sound_that_starts_earlier_or_ends_later_is_covered_by_pictures() {
    let times: Vec<i64> = (0..375).map(|i| 5000 + i * 40).collect();
    let (mut line, _) = fold(MS, &times, &["25"]);
    let plain = line.clone();
    line.cover(4_800_000..20_200_000);
    assert_eq!(line, plain);
    line.cover(0..30_010_000);
    assert_eq!((line.start_ticks, line.lead_ticks, line.constant), (0, 5000, true));
    assert_eq!((line.grid_frames, line.last_frame(), line.shown_since(700)), (751, 499, 499));
}
