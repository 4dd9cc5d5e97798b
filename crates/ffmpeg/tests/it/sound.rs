//! What comes out of the sound runs, decoded and measured sample by sample.

use std::path::{Path, PathBuf};

use ffmpeg::{Input, Tools};
use media::options::{LoudnessOption, Options};
use media::plan::{AudioPlan, Limits, SAMPLE_RATE};
use media::source::SourceFacts;

use crate::make;

/// Samples per second of everything decoded here.
const RATE: f64 = SAMPLE_RATE as f64;

/// The sound of a file in every bit rate.
pub(crate) struct Sound {
    /// One playable file per bit rate.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) heard: ffmpeg::Heard,
    _folder: tempfile::TempDir,
}

pub(crate) async fn probe(tools: &Tools, file: &Path) -> SourceFacts {
    ffmpeg::probe(tools, &Input::Path(file.to_owned()), |_| {}).await.unwrap()
}

pub(crate) fn plans(facts: &SourceFacts) -> Vec<AudioPlan> {
    media::plan::plan(facts, &Options::default(), Limits::default()).unwrap().audio
}

pub(crate) async fn encode(tools: &Tools, file: &Path, plan: &AudioPlan) -> Sound {
    let folder = tempfile::tempdir().unwrap();
    let input = Input::Path(file.to_owned());
    let encoded = ffmpeg::encode_audio(tools, &input, plan, folder.path(), |_| {}).await.unwrap();
    let mut files = Vec::new();
    for (at, rendition) in encoded.renditions.iter().enumerate() {
        let mut whole = fs_err::read(&rendition.init).unwrap();
        for segment in &rendition.segments {
            whole.extend(fs_err::read(segment).unwrap());
        }
        files.push(folder.path().join(format!("{at}.mp4")));
        fs_err::write(&files[at], whole).unwrap();
    }
    Sound { files, heard: encoded.heard, _folder: folder }
}

/// What ffmpeg writes to standard output, which must be all well.
async fn output(tools: &Tools, input: &Path, args: &str) -> Vec<u8> {
    let command = ffmpeg::Command::new(&tools.ffmpeg)
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(input)
        .args(args.split_ascii_whitespace())
        .arg("pipe:1");
    let output = command.output(fixtures::PATIENCE).await.unwrap();
    assert!(
        output.status.success() && !output.truncated,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Left and right of a file, as a player decodes it.
async fn decoded(tools: &Tools, file: &Path) -> [Vec<f32>; 2] {
    let raw = output(tools, file, "-vn -f f32le").await;
    let samples: Vec<f32> =
        raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    [0, 1].map(|side| samples.iter().skip(side).step_by(2).copied().collect())
}

/// Integrated loudness in LUFS: ITU-R BS.1770-4 as the recommendation has it, at 48 kHz. It shares
/// no code with the meter of the product.
fn loudness(channels: &[Vec<f32>; 2]) -> f64 {
    let mut blocks = vec![0.0; (channels[0].len() / 4800).saturating_sub(3)];
    for channel in channels {
        let shelf = [
            1.535_124_859_586_97,
            -2.691_696_189_406_38,
            1.198_392_810_852_85,
            -1.690_659_293_182_41,
            0.732_480_774_215_85,
        ];
        let pass = [1.0, -2.0, 1.0, -1.990_047_454_833_98, 0.990_072_250_366_21];
        let weighted = biquad(biquad(channel.iter().map(|&it| f64::from(it)), shelf), pass);
        let tenths: Vec<f64> =
            weighted.chunks_exact(4800).map(|part| part.iter().map(|it| it * it).sum()).collect();
        for (block, of) in blocks.iter_mut().zip(tenths.windows(4)) {
            *block += of.iter().sum::<f64>() / 19_200.0;
        }
    }
    let level = |power: f64| -0.691 + 10.0 * power.log10();
    let mean = |gate: f64| {
        let above: Vec<f64> = blocks.iter().copied().filter(|&it| level(it) > gate).collect();
        above.iter().sum::<f64>() / above.len() as f64
    };
    level(mean(level(mean(-70.0)) - 10.0))
}

fn biquad(input: impl IntoIterator<Item = f64>, [b0, b1, b2, a1, a2]: [f64; 5]) -> Vec<f64> {
    let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
    let step = |x: f64| {
        let y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
        (x2, x1, y2, y1) = (x1, x, y1, y);
        y
    };
    input.into_iter().map(step).collect()
}

/// True peak in dBTP, by ffmpeg's meter.
async fn true_peak(tools: &Tools, file: &Path) -> f64 {
    let command = ffmpeg::Command::new(&tools.ffmpeg)
        .args(["-nostdin", "-nostats", "-i"])
        .arg(file)
        .args(["-af", "ebur128=framelog=verbose:peak=true", "-f", "null", "-"]);
    let log = command.output(fixtures::PATIENCE).await.unwrap().stderr;
    let log = String::from_utf8_lossy(&log).into_owned();
    let peak = log.rsplit_once("Peak:").unwrap().1.split_ascii_whitespace().next().unwrap();
    peak.parse().unwrap()
}

/// Brings a file to the default loudness and says how loud and how high each bit rate became.
async fn normalized(tools: &Tools, file: &Path) -> Vec<(f64, f64)> {
    let mut plan = plans(&probe(tools, file).await).remove(0);
    let (input, target) = (Input::Path(file.to_owned()), LoudnessOption::default());
    let measured = ffmpeg::measure_loudness(tools, &input, &plan, target, |_| {}).await.unwrap();
    plan.loudness = Some(measured.unwrap());
    let sound = encode(tools, file, &plan).await;
    let mut found = Vec::new();
    for file in &sound.files {
        found.push((loudness(&decoded(tools, file).await), true_peak(tools, file).await));
    }
    found
}

#[track_caller]
fn assert_normalized(found: &[(f64, f64)]) {
    for (loudness, peak) in found {
        assert!((loudness + 16.0).abs() <= 0.5 && *peak <= -1.0, "{found:?}");
    }
}

async fn corpus_file_is_normalized(name: &str) {
    let (Some(tools), Some(corpus)) = (crate::tools(), fixtures::corpus()) else { return };
    assert_normalized(&normalized(&tools, &corpus.join(name)).await);
}

#[tokio::test]
async fn quiet_voices_become_as_loud_as_asked() {
    corpus_file_is_normalized("voices_30s.mp3").await;
}

#[tokio::test]
async fn the_reference_tone_becomes_as_loud_as_asked() {
    corpus_file_is_normalized("loudness_ref_997Hz_-23LUFS_20s.flac").await;
}

#[tokio::test]
async fn surround_sound_becomes_as_loud_as_asked() {
    corpus_file_is_normalized("bbb_51_12s.flac").await;
}

#[tokio::test]
async fn loud_music_becomes_as_loud_as_asked() {
    corpus_file_is_normalized("music_viper_41s.mp3").await;
}

#[tokio::test]
async fn quiet_and_loud_parts_become_as_loud_as_asked() {
    let Some(tools) = crate::tools() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parts.flac");
    let level = "0.9*pow(10,-mod(floor(t/3),3)*12/20)";
    let tone = format!("aevalsrc='{level}*sin(2*PI*(300+20*mod(floor(t*3),7))*t)':s=44100:d=18");
    make(&tools, &format!("-f lavfi -i {tone}"), &file).await;
    assert_normalized(&normalized(&tools, &file).await);
}

#[tokio::test]
async fn loudness_does_not_move_sound() {
    let Some(tools) = crate::tools() else { return };
    let clip = fixtures::Clip::flash_and_beep().seconds(4).path();
    let mut plan = plans(&probe(&tools, &clip).await).remove(0);
    let before = decoded(&tools, &encode(&tools, &clip, &plan).await.files[0]).await;
    // So loud that every beep is limited, and so narrow that it is compressed.
    let target = LoudnessOption { integrated: -9.0, true_peak: -3.0, range: 1.0 };
    let input = Input::Path(clip.clone());
    let mut loudness =
        ffmpeg::measure_loudness(&tools, &input, &plan, target, |_| {}).await.unwrap().unwrap();
    loudness.range = 8.0;
    assert!(loudness.limited() && loudness.ratio().is_some());
    plan.loudness = Some(loudness);
    let brought = decoded(&tools, &encode(&tools, &clip, &plan).await.files[0]).await;
    assert_eq!(before[0].len(), brought[0].len());
    let onsets = |sound: &[Vec<f32>; 2]| {
        let top = sound[0].iter().fold(0.0_f32, |top, it| top.max(it.abs()));
        let (mut found, mut last) = (Vec::new(), f64::NEG_INFINITY);
        for (at, _) in sound[0].iter().enumerate().filter(|(_, it)| it.abs() > top / 4.0) {
            let at = at as f64 / RATE;
            if at - std::mem::replace(&mut last, at) > 0.2 {
                found.push(at);
            }
        }
        found
    };
    let (before, after) = (onsets(&before), onsets(&brought));
    assert_eq!((before.len(), after.len()), (4, 4), "{before:?} {after:?}");
    assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 0.002), "{before:?} {after:?}");
}

/// Plays a tone of half of full scale in one channel after the other, each 0.2 s long, and gives
/// the levels of left and right for each.
async fn mixed(tools: &Tools, layout: &str, channels: u32, args: &str) -> Vec<(f64, f64)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(if args.contains("opus") { "tones.opus" } else { "tones.wav" });
    let tone = |channel| format!("0.5*sin(2*PI*1000*t)*eq(floor(t*5),{channel})");
    let tones: Vec<String> = (0..channels).map(tone).collect();
    let length = f64::from(channels) / 5.0;
    let form = if layout.is_empty() { String::new() } else { format!(":c={layout}") };
    let source = format!("aevalsrc='{}':s=48000:d={length}{form}", tones.join("|"));
    make(tools, &format!("-f lavfi -i {source} {args}"), &file).await;
    let plan = plans(&probe(tools, &file).await).remove(0);
    let sound = encode(tools, &file, &plan).await;
    let [left, right] = decoded(tools, &sound.files[0]).await;
    let middle = |side: &[f32], channel: usize| {
        let part = &side[channel * 9600 + 3600..channel * 9600 + 8400];
        let power: f64 = part.iter().map(|&it| f64::from(it).powi(2)).sum::<f64>() / 4800.0;
        (power * 2.0).sqrt() / 0.5
    };
    (0..channels as usize).map(|at| (middle(&left, at), middle(&right, at))).collect()
}

#[track_caller]
fn assert_levels(found: &[(f64, f64)], expected: &[(f64, f64)]) {
    let near = |a: f64, b: f64| (a - b).abs() < 0.03;
    let same = found.iter().zip(expected).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1));
    assert!(found.len() == expected.len() && same, "{found:.3?}");
}

#[tokio::test]
async fn one_channel_is_heard_on_both_sides_as_it_was() {
    let Some(tools) = crate::tools() else { return };
    assert_levels(&mixed(&tools, "mono", 1, "-c:a pcm_s16le").await, &[(1.0, 1.0)]);
}

#[tokio::test]
async fn surround_is_mixed_down_by_the_book() {
    const LEFT: (f64, f64) = (1.0, 0.0);
    const RIGHT: (f64, f64) = (0.0, 1.0);
    const CENTRE: (f64, f64) = (0.707, 0.707);
    const NONE: (f64, f64) = (0.0, 0.0);
    const BACK_LEFT: (f64, f64) = (0.707, 0.0);
    const BACK_RIGHT: (f64, f64) = (0.0, 0.707);
    let Some(tools) = crate::tools() else { return };
    let pcm = "-c:a pcm_s16le";
    let front = [LEFT, RIGHT, CENTRE, NONE, BACK_LEFT, BACK_RIGHT];
    assert_levels(&mixed(&tools, "5.1", 6, pcm).await, &front);
    assert_levels(&mixed(&tools, "5.1(side)", 6, "-c:a pcm_f32le").await, &front);
    let seven = [&front[..], &[BACK_LEFT, BACK_RIGHT]].concat();
    assert_levels(&mixed(&tools, "7.1", 8, pcm).await, &seven);
    assert_levels(&mixed(&tools, "quad", 4, pcm).await, &[LEFT, RIGHT, BACK_LEFT, BACK_RIGHT]);
}

#[tokio::test]
async fn channels_without_a_layout_are_all_heard() {
    let Some(tools) = crate::tools() else { return };
    let ten = mixed(&tools, "", 10, "-c:a pcm_s16le").await;
    let sides = [(0.2, 0.0), (0.0, 0.2)];
    assert_levels(&ten, &sides.repeat(5));
    // The sphere: all around, left minus right, up, front.
    let sphere = mixed(&tools, "4.0", 4, "-c:a libopus -mapping_family 2 -b:a 512k").await;
    assert_levels(&sphere, &[(0.5, 0.5), (0.5, 0.5), (0.0, 0.0), (0.0, 0.0)]);
}

#[tokio::test]
async fn all_channels_at_once_do_not_clip() {
    let Some(tools) = crate::tools() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("full.wav");
    let tones = ["0.95*sin(2*PI*300*t)"; 6].join("|");
    make(&tools, &format!("-f lavfi -i aevalsrc='{tones}':s=48000:d=2:c=5.1"), &file).await;
    let plan = plans(&probe(&tools, &file).await).remove(0);
    let sides = decoded(&tools, &encode(&tools, &file, &plan).await.files[0]).await;
    let top = sides[0].iter().fold(0.0_f32, |top, it| top.max(it.abs()));
    // From the first sample on: ffmpeg's encoder turns down what clips for longer by itself.
    assert!((0.9..=1.2).contains(&top), "{top}");
}

async fn encoded_whole(name: &str) {
    let (Some(tools), Some(corpus)) = (crate::tools(), fixtures::corpus()) else { return };
    let file = corpus.join(name);
    let facts = probe(&tools, &file).await;
    assert!(facts.video.is_none(), "{name}: a cover is no video");
    let plan = plans(&facts).remove(0);
    assert_eq!(plan.bitrates.iter().map(|it| it.kbps()).collect::<Vec<_>>(), [128, 64]);
    let sound = encode(&tools, &file, &plan).await;
    let played = decoded(&tools, &sound.files[0]).await[0].len() as f64 / RATE;
    let source = output(&tools, &file, "-vn -ac 1 -ar 48000 -f s16le").await.len() as f64;
    // Frames that cannot be decoded leave silence, so that what follows keeps its time.
    let lost = if name.contains("malformed") { 0.2 } else { 0.1 };
    assert!((played - source / 2.0 / RATE).abs() < lost, "{name}: {played} of {source}");
}

#[tokio::test]
async fn compressed_sound_without_pictures_is_encoded_whole() {
    encoded_whole("lena_12s.m4a").await;
    encoded_whole("music_10s.opus").await;
}

#[tokio::test]
async fn plain_sound_without_pictures_is_encoded_whole() {
    encoded_whole("rf64.wav").await;
    encoded_whole("float32.wav").await;
}

#[tokio::test]
async fn sound_with_cover_art_is_no_video() {
    encoded_whole("m4a_two_covers_1s.m4a").await;
    encoded_whole("mp3_malformed_join_cover.mp3").await;
}

#[tokio::test]
async fn lossless_sound_with_cover_art_is_no_video() {
    encoded_whole("flac_with_cover_20s.flac").await;
}

#[tokio::test]
async fn peaks_are_those_of_the_samples() {
    let Some(tools) = crate::tools() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("noise.flac");
    let noise = "anoisesrc=r=44100:d=3.3:a=0.9:seed=7[l];anoisesrc=r=44100:d=3.3:a=0.5:seed=8[r];\
                 [l][r]amerge=inputs=2,tremolo=f=1:d=0.9"
        .replace(' ', "");
    make(&tools, &format!("-f lavfi -i {noise} -sample_fmt s16"), &file).await;
    let plan = plans(&probe(&tools, &file).await).remove(0);
    let input = Input::Path(file.clone());
    let waveform = ffmpeg::waveform(&tools, &input, &plan, |_| {}).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&waveform.json()).unwrap();
    let raw = output(&tools, &file, "-f s16le").await;
    let means: Vec<i32> = raw
        .chunks_exact(4)
        .map(|b| {
            let side = |low: u8, high: u8| i32::from(i16::from_le_bytes([low, high]));
            let sum = side(b[0], b[1]) + side(b[2], b[3]);
            sum / 2
        })
        .collect();
    let expected: Vec<i32> = means
        .chunks(256)
        .flat_map(|part| [part.iter().min().unwrap() / 256, part.iter().max().unwrap() / 256])
        .collect();
    assert_eq!(json["data"], serde_json::to_value(&expected).unwrap());
    assert_eq!(json["length"], means.len().div_ceil(256));
    let keys = (
        &json["version"],
        &json["channels"],
        &json["sample_rate"],
        &json["samples_per_pixel"],
        &json["bits"],
    );
    assert_eq!(
        format!("{keys:?}"),
        "(Number(2), Number(1), Number(44100), Number(256), Number(8))"
    );

    // The picture is filled exactly between the peaks.
    let png = folder.path().join("noise.png");
    fs_err::write(&png, waveform.png()).unwrap();
    let pixels = output(&tools, &png, "-f rawvideo -pix_fmt rgba").await;
    assert_eq!(pixels.len(), 1800 * 280 * 4);
    for column in [0, 1, 333, 900, 1799] {
        let at = column * expected.len() / 2 / 1800;
        let filled = (0..280).filter(|row| pixels[(row * 1800 + column) * 4 + 3] == 255).count();
        let height = f64::from(expected[2 * at + 1] - expected[2 * at]) * 279.0 / 255.0 + 1.0;
        assert!((filled as f64 - height).abs() <= 1.1, "column {column}: {filled} of {height}");
    }
}

#[tokio::test]
async fn the_waveform_of_late_sound_begins_with_the_picture() {
    let Some(tools) = crate::tools() else { return };
    let clip = fixtures::Clip::flash_and_beep().seconds(3).path();
    let folder = tempfile::tempdir().unwrap();
    let late = folder.path().join("late.mp4");
    let mix = "-itsoffset 0.750 -i CLIP -map 0:v -map 1:a -c copy"
        .replace("CLIP", &clip.display().to_string());
    make(&tools, &format!("-i {} {mix}", clip.display()), &late).await;
    for (file, first) in [(&clip, 0.5), (&late, 1.25)] {
        let plan = plans(&probe(&tools, file).await).remove(0);
        let input = Input::Path(file.clone());
        let waveform = ffmpeg::waveform(&tools, &input, &plan, |_| {}).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&waveform.json()).unwrap();
        let data: Vec<i64> = serde_json::from_value(json["data"].clone()).unwrap();
        let loud = data.chunks(2).position(|pixel| pixel[1] > 50).unwrap() as f64 * 256.0 / RATE;
        assert!((loud - first).abs() < 0.012, "{loud} instead of {first}");
        let length = json["length"].as_f64().unwrap() * 256.0 / RATE;
        assert!((2.99..4.0).contains(&length), "{length}");
    }
}

#[tokio::test]
async fn every_track_keeps_its_place_on_the_time_line() {
    let Some(tools) = crate::tools() else { return };
    let clip = fixtures::Clip::flash_and_beep().seconds(3).path();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two.mkv");
    let clip = clip.display();
    make(&tools, &format!("-i {clip} -itsoffset 0.75 -i {clip} -map 0 -map 1:a -c copy"), &file)
        .await;
    let plans = plans(&probe(&tools, &file).await);
    assert_eq!(plans.iter().map(|plan| plan.track).collect::<Vec<_>>(), [0, 1]);
    let lead = 2.0 / 30.0;
    for (plan, late) in plans.iter().zip([0.0, 0.75]) {
        let sound = encode(&tools, &file, plan).await;
        let beep = fixtures::marks::beeps(&sound.files[0])[0];
        assert!((beep - lead - late - 0.5).abs() < 0.010, "{beep} for {late}");
    }
}

#[tokio::test]
async fn a_rewritten_source_keeps_its_tracks_texts_and_chapters() {
    let (Some(tools), Some(corpus)) = (crate::tools(), fixtures::corpus()) else { return };
    let file = corpus.join("sintel_3audio_2subs_chapters.mkv");
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short.mkv");
    let cut = format!(
        "-i {} -map 0:v:0 -map 0:a -map 0:s -c copy -disposition:s:0 0 -t 9",
        file.display()
    );
    make(&tools, &cut, &short).await;
    let facts = probe(&tools, &short).await;
    let rewritten = folder.path().join("rewritten.mkv");
    let input = Input::Path(short);
    ffmpeg::normalize(&tools, &input, &facts, &rewritten, |_| {}).await.unwrap();
    let after = probe(&tools, &rewritten).await;
    let sound = |facts: &SourceFacts| {
        facts
            .audio
            .iter()
            .map(|it| (it.channels, it.language.clone(), it.title.clone(), it.default))
            .collect::<Vec<_>>()
    };
    let text = |facts: &SourceFacts| {
        facts
            .subtitles
            .iter()
            .map(|it| (it.codec.clone(), it.language.clone(), it.default, it.forced))
            .collect::<Vec<_>>()
    };
    assert_eq!((sound(&after).len(), text(&after).len(), after.chapters), (3, 2, facts.chapters));
    assert_eq!((sound(&after), text(&after)), (sound(&facts), text(&facts)));
    assert!(facts.chapters > 0 && after.audio.iter().all(|it| it.codec == "flac"));
}

#[tokio::test]
async fn blocks_longer_than_what_is_held_otherwise_are_heard() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("a.flac");
    // The longest blocks of FLAC at 8 kHz: eight seconds each, and 3 MB as they are heard here.
    let sound = fixtures::chirp::source(20.0, 8000, 1);
    make(&tools, &format!("-f lavfi -i {sound} -c:a flac -frame_size 65535"), &clip).await;
    let facts = probe(&tools, &clip).await;
    let sound = encode(&tools, &clip, &plans(&facts)[0]).await;
    // Behind what the encoder of AAC puts in front.
    fixtures::chirp::assert_in_step(&sound.files[0], 1024.0 / 48_000.0, 0.1, 19.9);
}
