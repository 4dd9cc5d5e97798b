//! Which source picture is shown in which output frame, for sources whose pictures are slow, late,
//! held or jittered.

use std::path::Path;

use ffmpeg::Input;
use media::plan::VideoPlan;
use media::source::{NonStandard, Repair, SourceFacts};

use crate::make;
use crate::picture::{encode, planned, probe, rung};

/// Pictures of one grey each, picture n being 20 + 9·n, up to 191 and from 20 again.
fn greys(rate: &str, count: u32) -> String {
    format!(
        "-f lavfi -i nullsrc=s=64x48:r={rate},trim=end_frame={count},geq=lum=mod(N*9\\,172)+20:cb=128:cr=128"
    )
}

fn grey(picture: u64) -> f64 {
    (picture * 9 % 172 + 20) as f64
}

/// Encodes every chunk and compares each frame with the picture that belongs there.
async fn shows(
    tools: &ffmpeg::Tools,
    clip: &Path,
    plan: &VideoPlan,
    picture_at: impl Fn(u64) -> u64,
) {
    let (mut frame, mut decoded) = (0, 0);
    for chunk in 0..plan.chunks {
        let (_folder, made) = encode(tools, clip, &[], plan, chunk).await;
        decoded += made.decoded;
        for shown in rung(tools, plan, &made, 0).await {
            let luma = &shown[..shown.len() * 2 / 3];
            let mean = luma.iter().map(|&luma| f64::from(luma)).sum::<f64>() / luma.len() as f64;
            let right = grey(picture_at(frame));
            assert!((mean - right).abs() < 4.0, "frame {frame} has {mean:.1}, not {right}");
            frame += 1;
        }
    }
    assert_eq!((frame, decoded), (plan.grid.frames, plan.facts.timeline.frames));
}

const CODED: &str = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -qp 4";

#[tokio::test]
async fn slow_pictures_stand_in_segments_of_normal_length() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("slow.mp4");
    for (rate, count, output, each) in [("1/5", 6, "10", 50), ("7/10", 14, "21/2", 15)] {
        make(&tools, &format!("{} {CODED}", greys(rate, count)), &clip).await;
        let plan = planned(&tools, &clip, &["240p"], 6).await;
        assert_eq!(plan.grid.rate.to_string(), output);
        assert_eq!(plan.grid.frames, u64::from(count) * each);
        assert!(plan.chunks > 2);
        shows(&tools, &clip, &plan, |frame| frame / each).await;
    }
}

#[tokio::test]
async fn a_picture_is_held_over_whole_chunks() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("pause.mkv");
    // 5 pictures a second, 660 s of nothing between the twentieth and the next.
    let pause = "-bsf:v setts=ts=TS+gte(N\\,20)*660000";
    make(&tools, &format!("{} {CODED} -bf 0 -g 10 {pause}", greys("5", 40)), &clip).await;
    let plan = planned(&tools, &clip, &["240p"], 60).await;
    assert_eq!((plan.grid.rate.to_string().as_str(), plan.grid.frames), ("10", 6680));
    let after =
        |frame: u64| if frame < 40 { frame / 2 } else { 19.max(frame.saturating_sub(6600) / 2) };
    shows(&tools, &clip, &plan, after).await;
}

#[tokio::test]
async fn pictures_cover_the_sound_before_and_after_them() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("late.mp4");
    let late = format!("-itsoffset 8 {} -f lavfi -i sine=d=20:r=48000", greys("25", 100));
    make(&tools, &format!("{late} {CODED} -c:a aac"), &clip).await;
    let plan = planned(&tools, &clip, &["240p"], 6).await;
    assert_eq!((plan.facts.timeline.start_us(), plan.grid.rate.to_string()), (0, "25".into()));
    assert!((500..=502).contains(&plan.grid.frames), "{} frames", plan.grid.frames);
    shows(&tools, &clip, &plan, |frame| frame.saturating_sub(200).min(99)).await;
}

#[tokio::test]
async fn a_file_that_starts_at_zero_keeps_what_comes_late_late() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in ["late.ts", "late.flv"] {
        let clip = dir.path().join(name);
        let late = format!("-itsoffset 0.4 {} -f lavfi -i sine=d=6:r=48000", greys("25", 100));
        let coded = format!("{CODED} -bf 0 -c:a aac -bsf:a setts=ts=TS-STARTPTS");
        let muxed = "-muxdelay 0 -muxpreload 0 -avoid_negative_ts disabled";
        make(&tools, &format!("{late} {coded} {muxed}"), &clip).await;
        let plan = planned(&tools, &clip, &["240p"], 6).await;
        assert_eq!((plan.facts.timeline.start_us(), plan.grid.rate.to_string()), (0, "25".into()));
        shows(&tools, &clip, &plan, |frame| frame.saturating_sub(10).min(99)).await;
    }
}

#[tokio::test]
async fn one_picture_with_sound_is_held_to_its_end() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("podcast.mkv");
    let sound = "-f lavfi -i sine=d=20:r=48000 -c:a aac";
    make(&tools, &format!("{} {sound} {CODED}", greys("25", 1)), &clip).await;
    let plan = planned(&tools, &clip, &["240p"], 6).await;
    let seconds = plan.grid.duration_seconds();
    assert!((19.95..20.15).contains(&seconds), "{seconds} s");
    shows(&tools, &clip, &plan, |_| 0).await;
}

#[tokio::test]
async fn jittered_stamps_keep_every_picture_once() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("webcam.mkv");
    // Up to 16 ms early or late, in no order.
    let jitter = "-bsf:v setts=ts=TS+200+round(16*sin(N*N))";
    let coded = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -qp 4 -bf 0";
    make(&tools, &format!("{} {coded} {jitter}", greys("30", 400)), &clip).await;
    let plan = planned(&tools, &clip, &["240p"], 6).await;
    assert_eq!((plan.grid.rate.to_string().as_str(), plan.grid.frames), ("30", 400));
    shows(&tools, &clip, &plan, |frame| frame).await;
}

#[tokio::test]
async fn a_transport_streams_rate_is_that_of_its_pictures() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("rate.ts");
    for rate in ["60000/1001", "24000/1001", "30000/1001", "50"] {
        make(&tools, &format!("{} {CODED} -bf 2", greys(rate, 500)), &clip).await;
        let plan = planned(&tools, &clip, &["240p"], 6).await;
        assert_eq!((plan.grid.rate.to_string().as_str(), plan.grid.frames), (rate, 500));
        assert!(plan.facts.timeline.constant);
    }
}

/// Rewrites a source and says how: the facts before, and the plan of what came out.
async fn rewritten(tools: &ffmpeg::Tools, clip: &Path, output: &Path) -> (SourceFacts, VideoPlan) {
    let input = Input::Path(clip.to_owned());
    let facts = probe(tools, clip).await;
    assert!(facts.non_standard.contains(&NonStandard::BrokenTimestamps), "{facts:?}");
    ffmpeg::normalize(tools, &input, &facts, output, |_| {}).await.unwrap();
    let after = probe(tools, output).await;
    assert_eq!((after.non_standard, after.repairs), (vec![], vec![]));
    if let (Some(before), Some(after)) = (facts.audio.first(), after.audio.first()) {
        let before = before.end_us - before.start_us;
        assert!((after.end_us - after.start_us).abs_diff(before) < 50_000, "{before} {after:?}");
    }
    (facts, planned(tools, output, &["240p"], 6).await)
}

#[tokio::test]
async fn programmes_with_clocks_of_their_own_follow_each_other() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (clip, out) = (dir.path().join("spliced.ts"), dir.path().join("out.mkv"));
    let part = dir.path().join("part.ts");
    // Clocks: 7 s back, an hour on, and from the start.
    let mut bytes = Vec::new();
    for start in [40, 33, 3633, 0] {
        let sound = "-f lavfi -i sine=d=4:r=48000";
        let coded = format!("{CODED} -bf 2 -g 50 -c:a mp2 -output_ts_offset {start}");
        make(&tools, &format!("{} {sound} {coded}", greys("25", 100)), &part).await;
        bytes.extend(fs_err::read(&part).unwrap());
    }
    fs_err::write(&clip, bytes).unwrap();
    let (facts, plan) = rewritten(&tools, &clip, &out).await;
    let [Repair::EpochsJoined { count, places_us }] = &facts.repairs[..] else {
        panic!("{facts:?}")
    };
    assert_eq!(*count, 3);
    for (place, right) in places_us.iter().zip([4, 8, 12]) {
        assert!(place.abs_diff(right * 1_000_000) < 150_000, "{places_us:?}");
    }
    assert_eq!(plan.facts.timeline.frames, 400);
    let seconds = plan.grid.duration_seconds();
    assert!((16.0..16.3).contains(&seconds), "{seconds} s");
    shows(&tools, &out, &plan, |frame| frame % 100).await;
}

#[tokio::test]
async fn a_picture_without_stamp_follows_the_one_before() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (clip, out) = (dir.path().join("spliced.mpg"), dir.path().join("out.mkv"));
    let part = dir.path().join("part.mpg");
    // The last picture of each part has no presentation time; small ones share one with their packet.
    for source in ["testsrc2=s=320x180:r=25:d=4,noise=alls=40", "color=s=64x48:r=25:d=4"] {
        let sound = "-f lavfi -i sine=d=4:r=48000";
        let coded = "-pix_fmt yuv420p -c:v mpeg2video -q:v 2 -c:a mp2 -f vob";
        make(&tools, &format!("-f lavfi -i {source} {sound} {coded}"), &part).await;
        let bytes = fs_err::read(&part).unwrap();
        fs_err::write(&clip, bytes.repeat(2)).unwrap();
        let (_, plan) = rewritten(&tools, &clip, &out).await;
        assert_eq!(plan.grid.rate.to_string(), "25", "{source}");
        assert!((199..=202).contains(&plan.facts.timeline.frames), "{source}: {plan:?}");
        assert!((plan.grid.duration_seconds() - 8.0).abs() < 0.1, "{source}");
    }
}

#[tokio::test]
async fn pictures_of_quartered_chroma_are_timed_too() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("dv.mkv");
    for form in ["yuv411p", "yuv410p"] {
        let coded = format!("-pix_fmt {form} -c:v ffv1");
        make(&tools, &format!("{} {coded}", greys("25", 60)), &clip).await;
        let plan = planned(&tools, &clip, &["240p"], 6).await;
        shows(&tools, &clip, &plan, |frame| frame).await;
    }
}

#[tokio::test]
async fn pictures_that_share_a_stamp_are_all_shown() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mkv");
    for (name, shared) in [
        ("one.mkv", "-bf 0 -bsf:v setts=ts=TS-eq(N\\,100)*40"),
        ("one.flv", "-bf 0 -bsf:v setts=ts=TS-eq(N\\,100)*40"),
        ("first.mkv", "-bf 0 -bsf:v setts=ts=TS-eq(N\\,1)*40"),
        ("many.mkv", "-bf 0 -bsf:v setts=ts=TS-eq(mod(N\\,10)\\,9)*40"),
    ] {
        let clip = dir.path().join(name);
        make(&tools, &format!("{} {CODED} {shared}", greys("25", 200)), &clip).await;
        let (_, plan) = rewritten(&tools, &clip, &out).await;
        let line = &plan.facts.timeline;
        let found = (line.frames, plan.grid.frames, plan.grid.rate.to_string());
        assert_eq!(found, (200, 200, "25".to_owned()), "{name}: {line:?}");
        shows(&tools, &out, &plan, |frame| frame).await;
    }
}

#[tokio::test]
async fn film_in_a_programme_stream_keeps_every_picture() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (clip, out) = (dir.path().join("film.mpg"), dir.path().join("out.mkv"));
    // Few pictures have a stamp of their own, and they are reordered.
    let source = "-f lavfi -i testsrc2=s=160x90:r=25:d=8 -f lavfi -i sine=d=8";
    let coded = "-pix_fmt yuv420p -c:v mpeg2video -q:v 5 -g 15 -bf 2 -c:a mp2 -f vob";
    make(&tools, &format!("{source} {coded}"), &clip).await;
    let facts = probe(&tools, &clip).await;
    assert!(facts.non_standard.contains(&NonStandard::MissingTimestamps), "{facts:?}");
    ffmpeg::normalize(&tools, &Input::Path(clip), &facts, &out, |_| {}).await.unwrap();
    let plan = planned(&tools, &out, &["240p"], 6).await;
    assert!(plan.facts.timeline.frames.abs_diff(200) <= 1, "{facts:?} {plan:?}");
    assert_eq!(plan.grid.rate.to_string(), "25");
}

#[tokio::test]
async fn one_stray_stamp_decides_nothing() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mkv");
    // Of both stamps, so that the muxer lets none that follows go back; of the sound; and of the time at
    // which one of several reordered pictures is shown.
    let shown = |ticks: &str| format!("-bf 2 -bsf:v setts=pts=PTS+eq(N\\,61)*{ticks}:dts=DTS");
    for (name, stray) in [
        ("a.mkv", "-bf 0 -bsf:v setts=ts=TS+eq(N\\,120)*300000".to_owned()),
        ("b.mkv", "-bf 0 -bsf:a setts=ts=TS+eq(N\\,300)*30000000".to_owned()),
        ("c.mkv", shown("300000")),
        ("d.mp4", shown("300*12800")),
        ("e.ts", shown("300*90000")),
    ] {
        let clip = dir.path().join(name);
        let sound = "-f lavfi -i sine=d=8:r=48000 -c:a aac";
        make(&tools, &format!("{} {sound} {CODED} {stray}", greys("25", 200)), &clip).await;
        let (facts, plan) = rewritten(&tools, &clip, &out).await;
        assert!(matches!(facts.repairs[..], [Repair::StraysPlaced { .. }]), "{:?}", facts.repairs);
        assert_eq!((plan.grid.frames, plan.facts.timeline.constant), (200, true), "{stray}");
        shows(&tools, &out, &plan, |frame| frame).await;
    }
}
