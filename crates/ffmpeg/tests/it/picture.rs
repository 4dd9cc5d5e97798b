//! What comes out of chunks, decoded and looked at pixel by pixel.

use std::path::Path;

use ffmpeg::{EncodedChunk, Input, Tools};
use media::bitrate::Bitrate;
use media::options::{Options, Position};
use media::plan::{Limits, Mark, VideoPlan, Watermark};
use media::source::{Scan, VideoFacts};
use tempfile::TempDir;

use crate::make;

/// Nits by signal.
type Curve = fn(f64) -> f64;
/// Nits of SDR's white, and of the brightest light that is kept apart from white.
const WHITE: f64 = 203.0;
const PEAK: f64 = 1000.0 / WHITE;

pub(super) async fn probe(tools: &Tools, file: &Path) -> media::source::SourceFacts {
    ffmpeg::probe(tools, &Input::Path(file.to_owned()), |_| {}).await.unwrap()
}

/// Plans a clip in these resolutions, with so high a bit rate that encoding leaves no trace.
pub(super) async fn planned(
    tools: &Tools,
    file: &Path,
    rungs: &[&str],
    chunk_seconds: u32,
) -> VideoPlan {
    let options = Options {
        resolutions: Some(rungs.iter().map(|&name| name.to_owned()).collect()),
        ..Options::default()
    };
    let limits =
        Limits { parallel_chunks: 1, chunk_seconds: Some(chunk_seconds), ..Limits::default() };
    let plan = media::plan::plan(&probe(tools, file).await, &options, limits).unwrap();
    let mut video = plan.video.unwrap();
    for rung in &mut video.rungs {
        rung.bitrate = Bitrate::kilobits(40_000);
    }
    video
}

pub(super) async fn encode(
    tools: &Tools,
    file: &Path,
    marks: &[Input],
    plan: &VideoPlan,
    chunk: u32,
) -> (TempDir, EncodedChunk) {
    let folder = tempfile::tempdir().unwrap();
    let input = Input::Path(file.to_owned());
    let made = ffmpeg::encode_chunk(tools, &input, marks, plan, chunk, folder.path(), |_| {});
    let made = made.await.unwrap();
    (folder, made)
}

/// Raw pictures of a file, one vector each.
async fn pictures(tools: &Tools, file: &Path, form: &str, (w, h): (u32, u32)) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let args = format!("-fps_mode passthrough -pix_fmt {form} -f rawvideo");
    make(tools, &format!("-i {} {args}", file.display()), &raw).await;
    let bytes = fs_err::read(&raw).unwrap();
    let pixels = (w * h) as usize;
    let size = match form {
        "yuv420p" => pixels * 3 / 2,
        _ => pixels,
    };
    bytes.chunks_exact(size).map(<[u8]>::to_vec).collect()
}

pub(super) async fn rung(
    tools: &Tools,
    plan: &VideoPlan,
    made: &EncodedChunk,
    at: usize,
) -> Vec<Vec<u8>> {
    let size = (plan.rungs[at].width, plan.rungs[at].height);
    pictures(tools, &made.files[at], "yuv420p", size).await
}

/// Matrix, transfer, primaries and range, as the encoded stream tags them.
async fn tags(tools: &Tools, file: &Path) -> String {
    let video = probe(tools, file).await.video.unwrap();
    assert_eq!(video.pixel_format, "yuv420p");
    let color = video.color;
    [color.space, color.transfer, color.primaries, color.range]
        .map(|tag| tag.unwrap_or_else(|| "none".to_owned()))
        .join(" ")
}

fn mean(values: &[u8]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}

/// Luma of grey light in SDR: unchanged up to 0.3 of white, a Möbius transform above it. What is
/// brighter than the peak is whiter than white.
fn sdr_luma(nits: f64) -> f64 {
    let (j, light) = (0.3, nits / WHITE);
    let a = -j * j * (PEAK - 1.0) / (j * j - 2.0 * j + PEAK);
    let b = (j * j - 2.0 * j * PEAK + PEAK) / (PEAK - 1.0);
    let rolled = (b * b + 2.0 * b * j + j * j) / (b - a) * (light + a) / (light + b);
    let shown: f64 = if light <= j { light } else { rolled };
    (16.0 + 219.0 * shown.max(0.0).powf(1.0 / 2.4)).min(255.0)
}

/// Nits of grey that PQ (SMPTE ST 2084) codes as `signal`, from 0 to 1.
fn pq(signal: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 4096.0 * 128.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 4096.0 * 32.0, 2392.0 / 4096.0 * 32.0);
    let power = signal.powf(1.0 / m2);
    10_000.0 * ((power - c1).max(0.0) / (c2 - c3 * power)).powf(1.0 / m1)
}

/// Nits of grey that HLG (ITU-R BT.2100) codes as `signal`, on a display of 1000 nits.
fn hlg(signal: f64) -> f64 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
    let scene =
        if signal <= 0.5 { signal * signal / 3.0 } else { (((signal - c) / a).exp() + b) / 12.0 };
    1000.0 * scene.powf(1.2)
}

fn ten_bit(luma: u16) -> f64 {
    ((f64::from(luma) - 64.0) / 876.0).clamp(0.0, 1.0)
}

/// Ten grey columns from black to the brightest code, 32 pixels each.
async fn columns(tools: &Tools, transfer: &str, others: &str, file: &Path) {
    let graph = "color=s=320x240:r=25:d=0.2,format=yuv420p10le,\
                 geq=lum='64+floor(X/32)*876/9':cb=512:cr=512";
    let coded = format!("-c:v libx264 -qp 0 -color_range tv -color_trc {transfer} {others}");
    make(tools, &format!("-f lavfi -i {graph} {coded}"), file).await;
}

#[tokio::test]
async fn hdr_is_as_bright_as_it_should_be_whatever_tags_are_missing() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let curves: [(&str, Curve); 2] = [("smpte2084", pq), ("arib-std-b67", hlg)];
    for (transfer, nits) in curves {
        for others in ["-color_primaries bt2020 -colorspace bt2020nc", ""] {
            let clip = dir.path().join("clip.mp4");
            columns(&tools, transfer, others, &clip).await;
            let plan = planned(&tools, &clip, &["240p", "144p"], 12).await;
            let (_folder, made) = encode(&tools, &clip, &[], &plan, 0).await;
            assert_eq!(tags(&tools, &made.files[1]).await, "bt709 bt709 bt709 tv");
            let shown = &rung(&tools, &plan, &made, 0).await[0];
            for column in 0..10_u16 {
                let luma = f64::from(shown[320 * 120 + 32 * usize::from(column) + 16]);
                let code = 64 + column * 876 / 9;
                let right = sdr_luma(nits(ten_bit(code)));
                assert!((luma - right).abs() < 3.0, "{transfer} {code}: {luma}, not {right}");
            }
        }
    }
}

#[tokio::test]
async fn recorded_hdr_is_as_bright_as_its_curve_says() {
    let (Some(tools), Some(corpus)) = (crate::tools(), fixtures::corpus()) else { return };
    let curves: [(&str, Curve); 2] =
        [("hdr10_av1_portrait_720x1280.mp4", pq), ("iphone_dolbyvision_720p.MOV", hlg)];
    for (name, nits) in curves {
        let clip = corpus.join(name);
        let plan = planned(&tools, &clip, &["360p"], 12).await;
        let size = (plan.rungs[0].width, plan.rungs[0].height);
        assert!(size.0 < size.1, "{name} is upright: {size:?}");
        let (_folder, made) = encode(&tools, &clip, &[], &plan, 0).await;
        assert_eq!(tags(&tools, &made.files[0]).await, "bt709 bt709 bt709 tv", "{name}");
        let shown = &rung(&tools, &plan, &made, 0).await[0];
        let luma = mean(&shown[..(size.0 * size.1) as usize]);
        let first = made.files[0].with_extension("gray");
        let form = "-frames:v 1 -pix_fmt gray10le -f rawvideo";
        make(&tools, &format!("-i {} {form}", clip.display()), &first).await;
        let codes = fs_err::read(&first).unwrap();
        let codes = codes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let lumas: Vec<f64> = codes.map(|code| sdr_luma(nits(ten_bit(code)))).collect();
        let right = lumas.iter().sum::<f64>() / lumas.len() as f64;
        // Colours are darker in luma than grey of the same light.
        assert!((luma - right).abs() < 10.0, "{name}: {luma}, and grey alone gives {right}");
    }
}

/// A plain clip, how it is coded, what its pixels become, and their tags.
type Plain = (&'static str, String, [u8; 3], &'static str);

fn plain_clips() -> [Plain; 5] {
    let set = |tag: &str| format!("-colorspace {tag} -color_primaries {tag} -color_trc {tag}");
    // Luma, Cb and Cr of pure red are 63 102 240 in BT.709 and 81 90 240 in BT.601; those of the
    // duller one, which does not lie at the edge of the gamut, 94 115 184 in BT.709.
    let bt2020 = "format=yuv444p12le,zscale=rin=tv:min=170m:pin=709:tin=709:m=2020_ncl:p=2020:t=2020_10,format=yuv420p10le";
    [
        (
            "red:s=1280x720:d=0.1",
            "-c:v libx264rgb -qp 0".to_owned(),
            [63, 102, 240],
            "bt709 bt709 bt709 tv",
        ),
        (
            "red:s=1280x720:d=0.1",
            "-vf scale=out_color_matrix=bt709,format=yuv422p10le -c:v libx264 -qp 0".to_owned(),
            [63, 102, 240],
            "bt709 bt709 bt709 tv",
        ),
        (
            "red:s=321x241:d=0.1",
            "-vf format=yuv444p -c:v libx264 -qp 0".to_owned(),
            [81, 90, 240],
            "smpte170m smpte170m smpte170m tv",
        ),
        (
            "red:s=320x240:d=0.1",
            format!(
                "-vf scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p -c:v libx264 -qp 0 -color_range pc {}",
                set("smpte170m")
            ),
            [81, 90, 240],
            "smpte170m smpte170m smpte170m tv",
        ),
        (
            "0xC04040:s=320x240:d=0.1",
            format!(
                "-vf {bt2020} -c:v libx264 -qp 0 -colorspace bt2020nc -color_primaries bt2020 -color_trc bt2020-10"
            ),
            [94, 115, 184],
            "bt709 bt709 bt709 tv",
        ),
    ]
}

#[tokio::test]
async fn colours_and_their_tags_agree() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mkv");
    for (color, coded, right, said) in plain_clips() {
        make(&tools, &format!("-f lavfi -i color={color} {coded}"), &clip).await;
        let plan = planned(&tools, &clip, &["240p"], 12).await;
        let (_folder, made) = encode(&tools, &clip, &[], &plan, 0).await;
        assert_eq!(tags(&tools, &made.files[0]).await, said, "{coded}");
        let shown = &rung(&tools, &plan, &made, 0).await[0];
        let pixels = shown.len() * 2 / 3;
        let found =
            [shown[pixels / 2], shown[pixels + pixels / 8], shown[pixels * 5 / 4 + pixels / 8]];
        for (value, wanted) in found.into_iter().zip(right) {
            assert!(value.abs_diff(wanted) <= 3, "{coded}: {found:?}, not {right:?}");
        }
    }
}

/// Scrolling bars in 25 interlaced pictures a second, made from 50 progressive ones. Fine patterns
/// would fool the detector.
async fn interlaced(tools: &Tools, seconds: f64, coded: &str, file: &Path) {
    let graph = format!(
        "smptebars=s=320x240:r=50:d={seconds},scroll=horizontal=0.013,interlace=scan=tff:lowpass=off"
    );
    make(tools, &format!("-f lavfi -i {graph} -pix_fmt yuv420p {coded}"), file).await;
}

/// Pictures that ffmpeg's detector takes to be interlaced, and progressive.
async fn detected(tools: &Tools, file: &Path) -> (u32, u32) {
    let command = ffmpeg::Command::new(&tools.ffmpeg)
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(file)
        .args(["-vf", "idet", "-f", "null", "-"]);
    let said = command.output(fixtures::PATIENCE).await.unwrap().stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    let line = said.lines().find(|line| line.contains("Multi frame detection")).unwrap();
    let number = |name: &str| -> u32 {
        line.split_once(name).unwrap().1.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("TFF:") + number("BFF:"), number("Progressive:"))
}

#[tokio::test]
async fn interlaced_chunks_are_clean_and_join_without_a_seam() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mkv");
    // A key frame right at the joint: the picture before it lies in another GOP.
    interlaced(
        &tools,
        12.6,
        "-c:v mpeg2video -flags +ildct+ilme -top 1 -field_order tt -g 25 -bf 2 -q:v 2",
        &clip,
    )
    .await;
    let plan = planned(&tools, &clip, &["240p"], 6).await;
    assert_eq!((plan.facts.scan(), plan.chunks), (Scan::Interlaced, 3));
    let whole_plan = VideoPlan { chunks: 1, ..plan.clone() };
    let (_folder, made) = encode(&tools, &clip, &[], &whole_plan, 0).await;
    let whole = rung(&tools, &plan, &made, 0).await;
    assert_eq!((whole.len() as u64, made.decoded), (plan.grid.frames, plan.facts.timeline.frames));
    let (combed, clean) = detected(&tools, &made.files[0]).await;
    assert!(combed == 0 && clean > 0, "{combed} combed, {clean} clean");
    let (combed, _) = detected(&tools, &clip).await;
    assert!(combed > 200, "the detector finds {combed} combed pictures in the source");
    let mut at = 0;
    for chunk in 0..plan.chunks {
        let (_folder, made) = encode(&tools, &clip, &[], &plan, chunk).await;
        let frames = plan.chunk(chunk);
        assert_eq!(made.decoded, frames.end - frames.start);
        for picture in rung(&tools, &plan, &made, 0).await {
            let apart = picture.iter().zip(&whole[at]).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart.unwrap() < 24, "frame {at} is up to {apart:?} off");
            at += 1;
        }
    }
    assert_eq!(at, whole.len());
}

#[tokio::test]
async fn broadcast_footage_loses_its_combs() {
    let (Some(tools), Some(corpus)) = (crate::tools(), fixtures::corpus()) else { return };
    let clip = corpus.join("motorway_480i_tff_4s.mpg");
    let plan = planned(&tools, &clip, &["480p", "240p"], 12).await;
    let (_folder, made) = encode(&tools, &clip, &[], &plan, 0).await;
    let (combed, clean) = detected(&tools, &made.files[0]).await;
    assert!(combed == 0 && clean > 0, "{combed} combed, {clean} clean");
    assert_eq!(rung(&tools, &plan, &made, 1).await.len() as u64, plan.grid.frames);
}

#[tokio::test]
async fn a_mark_stands_in_its_place_in_every_frame_of_every_rung_and_chunk() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (clip, png) = (dir.path().join("clip.mp4"), dir.path().join("mark.png"));
    make(&tools, "-f lavfi -i color=gray:s=320x240:r=30000/1001:d=7 -pix_fmt yuv420p -g 30", &clip)
        .await;
    make(&tools, "-f lavfi -i color=white@0.5:s=48x20,format=rgba -frames:v 1", &png).await;
    let mut plan = planned(&tools, &clip, &["240p", "144p"], 6).await;
    assert_eq!(plan.chunks, 2);
    let marks = vec![Input::Path(png.clone()); 2];
    let places = [
        (Position::TopLeft, (12, 12)),
        (Position::BottomRight, (320 - 48 - 12, 240 - 20 - 12)),
        (Position::Center, (136, 110)),
    ];
    for (position, (left, top)) in places {
        let mark = Mark { bucket: "b".into(), key: "k".into(), margin: 12 };
        plan.watermark = Some(Watermark { position, marks: vec![mark.clone(), mark] });
        for chunk in 0..plan.chunks {
            let (_folder, made) = encode(&tools, &clip, &marks, &plan, chunk).await;
            let shown = rung(&tools, &plan, &made, 0).await;
            let frames = plan.chunk(chunk);
            assert_eq!(shown.len() as u64, frames.end - frames.start);
            for picture in &shown {
                for (at, luma) in picture[..320 * 240].iter().enumerate() {
                    let (x, y) = (at % 320, at / 320);
                    let within = (left..left + 48).contains(&x) && (top..top + 20).contains(&y);
                    let right: u8 = if within { 180 } else { 126 };
                    assert!(luma.abs_diff(right) <= 6, "{position:?} {x},{y}: {luma}, not {right}");
                }
            }
            let small = &rung(&tools, &plan, &made, 1).await;
            let brighter = small[0][..192 * 144].iter().filter(|&&luma| luma > 170).count();
            assert_eq!((small.len(), brighter), (shown.len(), 48 * 20));
        }
    }
}

#[tokio::test]
async fn a_file_that_does_not_say_it_is_interlaced_is_asked_picture_by_picture() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mkv");
    interlaced(&tools, 1.0, "-c:v libx264 -x264-params interlaced=1:tff=1 -qp 10", &clip).await;
    let mut plan = planned(&tools, &clip, &["240p"], 12).await;
    plan.facts = VideoFacts { field_order: None, ..plan.facts };
    assert_eq!(plan.facts.scan(), Scan::Unsaid);
    let (_folder, made) = encode(&tools, &clip, &[], &plan, 0).await;
    let (combed, clean) = detected(&tools, &made.files[0]).await;
    assert!(combed == 0 && clean > 0, "{combed} combed, {clean} clean");
}
