//! Sound whose stamps, rate or channels change on the way is heard when it should be, all the way.

use std::path::{Path, PathBuf};

use ffmpeg::Tools;
use fixtures::chirp;
use media::fmp4::{Fragment, Init, split};

use crate::make;
use crate::sound::{Sound, encode, plans, probe};

/// Silence in front of sound without pictures.
const DELAY: f64 = 1024.0 / 48_000.0;

/// A folder of parts that become one file.
struct Parts {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Parts {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), bytes: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Appends seconds `from` to `to` of the chirp.
    async fn add(&mut self, tools: &Tools, from: f64, to: f64, form: (u32, usize), output: &str) {
        let part = self.path("part");
        let source = chirp::source(to, form.0, form.1);
        let args = format!("-f lavfi -i {source} -ss {from} {output}");
        make(tools, &args, &part).await;
        self.bytes.extend(fs_err::read(part).unwrap());
    }

    fn join(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs_err::write(&path, &self.bytes).unwrap();
        path
    }
}

async fn encoded(tools: &Tools, file: &Path) -> Sound {
    let plan = plans(&probe(tools, file).await).remove(0);
    let sound = encode(tools, file, &plan).await;
    for file in &sound.files {
        assert_packets(file, plan.samples());
    }
    sound
}

/// Every packet is 1024 samples long and follows the one before; together they are as long as planned.
#[track_caller]
fn assert_packets(file: &Path, planned: u64) {
    let bytes = fs_err::read(file).unwrap();
    let (init, parts) = (Init::parse(&bytes).unwrap(), split(&bytes).unwrap());
    let fragments: Vec<_> =
        parts.fragments.into_iter().map(|it| Fragment::parse(&bytes[it], &init).unwrap()).collect();
    let mut end = 0;
    for fragment in &fragments {
        assert_eq!(fragment.decode_time, end);
        end += fragment.duration();
    }
    let mut durations = fragments.iter().flat_map(|it| &it.samples).map(|it| it.duration);
    let last = durations.next_back().unwrap();
    assert!(durations.all(|duration| duration == 1024) && (1..=1024).contains(&last));
    assert!(end.abs_diff(planned) <= 1024, "{end} of {planned}");
}

#[tokio::test]
async fn channels_change_on_the_way() {
    let Some(tools) = crate::tools() else { return };
    let mut parts = Parts::new();
    let ts = "-c:a ac3 -f mpegts -muxdelay 0 -muxpreload 0 -output_ts_offset";
    parts.add(&tools, 0.0, 4.0, (48_000, 6), &format!("{ts} 0")).await;
    parts.add(&tools, 4.0, 8.0, (48_000, 2), &format!("{ts} 4")).await;
    parts.add(&tools, 8.0, 12.0, (48_000, 1), &format!("{ts} 8")).await;
    let sound = encoded(&tools, &parts.join("a.ts")).await;
    // Not across the joints, where the tone is broken off.
    for (from, to) in [(0.1, 3.9), (4.1, 7.9), (8.1, 11.9)] {
        chirp::assert_in_step(&sound.files[0], DELAY, from, to);
    }
}

#[tokio::test]
async fn the_rate_changes_on_the_way() {
    let Some(tools) = crate::tools() else { return };
    let mut parts = Parts::new();
    let ts = "-c:a aac -b:a 128k -f mpegts -muxdelay 0 -muxpreload 0 -output_ts_offset";
    parts.add(&tools, 0.0, 5.0, (48_000, 2), &format!("{ts} 0")).await;
    parts.add(&tools, 5.0, 10.0, (44_100, 2), &format!("{ts} 5")).await;
    let sound = encoded(&tools, &parts.join("a.ts")).await;
    // Transport streams do not say how long the encoder's delay is. It lies before the five seconds of
    // the second part; nothing lies before zero, so the first part begins with it.
    chirp::assert_in_step(&sound.files[0], DELAY + 1024.0 / 48_000.0, 0.1, 4.9);
    chirp::assert_in_step(&sound.files[0], DELAY, 5.2, 9.9);
}

#[tokio::test]
async fn streams_without_stamps_are_as_long_as_their_samples() {
    let Some(tools) = crate::tools() else { return };
    // Samples of a packet, and of the encoder's delay, with which each part begins.
    for (name, coded, packet, delay) in
        [("a.aac", "-c:a aac -f adts", 1024, 1024), ("a.ac3", "-c:a ac3 -f ac3", 1536, 256)]
    {
        let mut parts = Parts::new();
        parts.add(&tools, 0.0, 5.0, (44_100, 2), coded).await;
        parts.add(&tools, 5.0, 10.0, (48_000, 1), coded).await;
        let file = parts.join(name);
        let facts = probe(&tools, &file).await;
        assert!((facts.duration_seconds() - 10.0).abs() < 0.1, "{}", facts.duration_seconds());
        let sound = encoded(&tools, &file).await;
        let seconds = |samples: u32, rate: u32| f64::from(samples) / f64::from(rate);
        let first = DELAY + seconds(delay, 44_100);
        let whole = (5 * 44_100 + delay).div_ceil(packet) * packet;
        let second = DELAY + seconds(whole, 44_100) - 5.0 + seconds(delay, 48_000);
        chirp::assert_in_step(&sound.files[0], first, 0.1, 4.9);
        chirp::assert_in_step(&sound.files[0], second, 5.2, 9.9);
    }
}

#[tokio::test]
async fn sound_changes_where_the_clock_restarts() {
    let Some(tools) = crate::tools() else { return };
    let mut bytes = Vec::new();
    let dir = tempfile::tempdir().unwrap();
    for (at, rate, channels) in [(0, 48_000, 1), (4, 44_100, 2), (8, 48_000, 6)] {
        let sound = chirp::source(f64::from(at) + 4.0, rate, channels);
        let args = format!(
            "-f lavfi -i testsrc2=s=160x90:r=25:d=4 -ss {at} -f lavfi -i {sound} -c:v libx264 -g 25 \
             -c:a aac -b:a 192k -muxdelay 0 -muxpreload 0 -f mpegts"
        );
        let part = dir.path().join("part");
        make(&tools, &args, &part).await;
        bytes.extend(fs_err::read(part).unwrap());
    }
    let file = dir.path().join("a.ts");
    fs_err::write(&file, bytes).unwrap();
    let (facts, copy) = (probe(&tools, &file).await, dir.path().join("copy"));
    let input = ffmpeg::Input::Path(file);
    ffmpeg::normalize(&tools, &input, &facts, &copy, |_| {}).await.unwrap();
    let found = probe(&tools, &copy).await;
    let pictures = found.video.as_ref().unwrap();
    assert_eq!((found.non_standard.len(), pictures.timeline.frames), (0, 300), "{found:?}");
    let plan = plans(&found).remove(0);
    let sound = encode(&tools, &copy, &plan).await;
    // Sound begins two frames before the pictures (ADR 0002).
    let lead = 2.0 / 25.0;
    for (from, to) in [(0.1, 3.9), (4.1, 7.9), (8.1, 11.9)] {
        chirp::assert_in_step(&sound.files[0], lead, from + lead, to);
    }
}

#[tokio::test]
async fn samples_that_are_no_numbers_are_silence() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.wav");
    let source = chirp::source(6.0, 48_000, 1);
    make(&tools, &format!("-f lavfi -i {source} -c:a pcm_f32le"), &file).await;
    let mut bytes = fs_err::read(&file).unwrap();
    let at = bytes.len() / 8 * 4;
    for (place, level) in [(at, f32::NAN), (at + 4, f32::INFINITY), (at + 8, -1e30)] {
        bytes[place..place + 4].copy_from_slice(&level.to_le_bytes());
    }
    fs_err::write(&file, bytes).unwrap();
    let sound = encoded(&tools, &file).await;
    chirp::assert_in_step(&sound.files[0], DELAY, 0.1, 2.8);
    chirp::assert_in_step(&sound.files[0], DELAY, 3.2, 5.9);
}

#[tokio::test]
async fn links_of_a_chain_follow_one_another() {
    let Some(tools) = crate::tools() else { return };
    let mut parts = Parts::new();
    parts.add(&tools, 0.0, 5.0, (48_000, 2), "-c:a libvorbis -f ogg -serial_offset 1").await;
    parts.add(&tools, 5.0, 10.0, (44_100, 1), "-c:a libvorbis -f ogg -serial_offset 2").await;
    let file = parts.join("a.ogg");
    let facts = probe(&tools, &file).await;
    assert!(facts.audio[0].counted && (facts.duration_seconds() - 10.0).abs() < 0.05);
    let sound = encoded(&tools, &file).await;
    for (from, to) in [(0.1, 4.9), (5.1, 9.9)] {
        chirp::assert_in_step(&sound.files[0], DELAY, from, to);
    }
}

/// The chirp with stamps that an expression of ffmpeg's `setts` makes of the right ones.
async fn stamped(tools: &Tools, seconds: f64, codec: &str, stamps: &str) -> (Sound, Parts) {
    let parts = Parts::new();
    let (plain, file) = (parts.path("plain.mka"), parts.path("stamped.mka"));
    let source = chirp::source(seconds, 48_000, 2);
    make(tools, &format!("-f lavfi -i {source} -c:a {codec}"), &plain).await;
    // Milliseconds, because that is what Matroska counts.
    let copy = format!("-i {} -c copy -bsf:a setts=ts='{stamps}'", plain.display());
    make(tools, &copy, &file).await;
    (encoded(tools, &file).await, parts)
}

#[tokio::test]
async fn stamps_by_arrival_make_no_gaps() {
    let Some(tools) = crate::tools() else { return };
    let burst = "TS+max(0,80-20*mod(N+70,100))";
    let (sound, _parts) = stamped(&tools, 12.0, "libopus", burst).await;
    assert_eq!((sound.heard.report.filled, sound.heard.report.cut), (0, 0));
    chirp::assert_in_step(&sound.files[0], DELAY, 0.1, 11.9);
    let mut silences = chirp::silences(&sound.files[0], 0.020);
    silences.retain(|(at, _)| (0.1..11.9).contains(at));
    assert!(silences.is_empty(), "{silences:?}");
}

#[tokio::test]
async fn a_wrong_sample_clock_is_followed() {
    let Some(tools) = crate::tools() else { return };
    let (sound, _parts) = stamped(&tools, 30.0, "flac", "TS*1.001").await;
    assert_eq!((sound.heard.report.filled, sound.heard.report.cut), (0, 0));
    for heard in chirp::listen(&sound.files[0]).iter().filter(|it| (0.2..29.9).contains(&it.at)) {
        // Stretched, the tone is lower by a thousandth than where it stands.
        let position = (heard.position.unwrap() + 6.0) * 1.001 - 6.0;
        let off = position * 1.001 + DELAY - heard.at;
        assert!(off.abs() < 0.020, "{off} at {}", heard.at);
    }
}

#[tokio::test]
async fn a_real_gap_stays_one() {
    let Some(tools) = crate::tools() else { return };
    let (sound, _parts) = stamped(&tools, 10.0, "flac", "TS+if(gte(TS,4000),1500,0)").await;
    let gaps = chirp::silences(&sound.files[0], 0.1);
    assert!(gaps.len() == 1 && (gaps[0].1 - 1.5).abs() < 0.01, "{gaps:?}");
    chirp::assert_in_step(&sound.files[0], DELAY, 0.1, 3.9);
    chirp::assert_in_step(&sound.files[0], DELAY + 1.5, 5.8, 11.4);
}

#[tokio::test]
async fn sound_that_does_not_decode_is_counted() {
    let Some(tools) = crate::tools() else { return };
    let mut parts = Parts::new();
    parts.add(&tools, 0.0, 10.0, (48_000, 2), "-c:a aac -b:a 128k -f mp4").await;
    let whole = parts.join("a.mp4");
    let decoded =
        encoded(&tools, &whole).await.heard.decoded(&probe(&tools, &whole).await.audio[0]);
    assert!(!decoded.is_damaged() && decoded.errors == 0, "{decoded:?}");
    let length = parts.bytes.len();
    parts.bytes[length * 3 / 10..length * 5 / 10].fill(0xff);
    let broken = parts.join("b.mp4");
    let sound = encoded(&tools, &broken).await;
    let decoded = sound.heard.decoded(&probe(&tools, &broken).await.audio[0]);
    assert!(decoded.is_damaged() && decoded.errors > 0, "{decoded:?}");
    assert!((1_500_000..2_500_000).contains(&decoded.lost_us()), "{decoded:?}");
    chirp::assert_in_step(&sound.files[0], DELAY, 0.1, 2.8);
    chirp::assert_in_step(&sound.files[0], DELAY, 5.3, 9.9);
}
