//! Sources that cannot be cut where they stand: why, and what their pictures look like rewritten.

use std::path::{Path, PathBuf};

use ffmpeg::{Input, Tools};
use fixtures::pictures::{Expected, assert_like};
use media::options::Options;
use media::plan::{Limits, plan};
use media::source::{NonStandard, SourceFacts};
use tempfile::TempDir;

use crate::make;

async fn probe(tools: &Tools, file: &Path) -> SourceFacts {
    ffmpeg::probe(tools, &Input::Path(file.to_owned()), |_| {}).await.unwrap()
}

/// The rewritten source, and what the probe finds in it.
async fn rewritten(tools: &Tools, file: &Path, dir: &TempDir) -> (PathBuf, SourceFacts) {
    let output = dir.path().join("rewritten.mkv");
    let (input, facts) = (Input::Path(file.to_owned()), probe(tools, file).await);
    ffmpeg::normalize(tools, &input, &facts, &output, |_| {}).await.unwrap();
    let found = probe(tools, &output).await;
    assert_eq!(found.non_standard, [], "{facts:?}");
    (output, found)
}

/// Two clips, and both one after the other in Matroska.
async fn joined(tools: &Tools, first: &str, second: &str, dir: &TempDir) -> [PathBuf; 3] {
    let [a, b, both] = ["a.ts", "b.ts", "both.mkv"].map(|name| dir.path().join(name));
    make(tools, first, &a).await;
    make(tools, second, &b).await;
    let list = dir.path().join("list");
    fs_err::write(&list, "file a.ts\nfile b.ts\n").unwrap();
    make(tools, &format!("-f concat -i {} -c copy", list.display()), &both).await;
    [a, b, both]
}

/// Some pictures of a rewritten file, without bars.
async fn part(tools: &Tools, file: &Path, filters: &str, dir: &TempDir) -> PathBuf {
    let part = dir.path().join("part.mkv");
    let args = format!("-i {} -vf {filters} -fps_mode passthrough -c:v ffv1", file.display());
    make(tools, &args, &part).await;
    part
}

#[tokio::test]
async fn programmes_with_other_codecs_or_identifiers_follow_each_other() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    // Pictures 0 to 99 and sound of four seconds, then the four seconds after them.
    let programme = async |name: &str, at: u32, coded: &str| {
        let pictures =
            format!("nullsrc=s=320x180:r=25:d=4,geq=lum={}:cb=128:cr=128", 60 + 100 * at);
        let sound = fixtures::chirp::source(f64::from(4 * at + 4), 48_000, 2);
        let args = format!(
            "-f lavfi -i {pictures} -ss {} -f lavfi -i {sound} {coded} -g 25 -bf 0 -qp 10 \
             -muxdelay 0 -muxpreload 0 -output_ts_offset {} -f mpegts",
            4 * at,
            4 * at,
        );
        let path = dir.path().join(name);
        make(&tools, &args, &path).await;
        fs_err::read(path).unwrap()
    };
    let first = programme("first", 0, "-c:v libx264 -c:a aac").await;
    for (name, second) in [
        ("another codec", "-c:v libx264 -c:a ac3"),
        ("another identifier", "-c:v libx264 -c:a mp2 -streamid 1:300"),
        ("other pictures", "-c:v mpeg2video -c:a aac"),
        ("no sound", "-c:v libx264 -an"),
    ] {
        let file = dir.path().join("both.ts");
        let both = [first.clone(), programme("second", 1, second).await].concat();
        fs_err::write(&file, both).unwrap();
        let facts = probe(&tools, &file).await;
        assert!(facts.non_standard.contains(&NonStandard::ProgrammeChange), "{name}: {facts:?}");
        // ffmpeg describes the service in a packet before the tables.
        assert_eq!(facts.programmes, [first.len() as u64 + 188], "{name}");
        let (made, found) = rewritten(&tools, &file, &dir).await;
        let line = &found.video.as_ref().unwrap().timeline;
        assert_eq!((line.rate.to_string().as_str(), line.frames), ("25", 200), "{name}");
        // The encoder's delay comes before the first picture.
        let early = line.start_us() as f64 / 1e6;
        fixtures::chirp::assert_in_step(&made, early, 0.1, 3.9);
        if name != "no sound" {
            fixtures::chirp::assert_in_step(&made, early, 4.1, 7.9);
        }
        assert_eq!(found.audio.len(), 1, "{name}");
        for (picture, luma) in [(98, 51.2), (102, 167.7)] {
            let mean = luma_of(&tools, &made, picture).await;
            assert!((mean - luma).abs() < 4.0, "{name}: picture {picture} has {mean}");
        }
    }
}

/// Mean luma of one picture, from 0 to 255: 60 of 16 to 235 is 51.2 of it.
async fn luma_of(tools: &Tools, file: &Path, picture: u32) -> f64 {
    let command = ffmpeg::Command::new(&tools.ffmpeg).args(["-v", "error", "-i"]).arg(file).args([
        "-vf",
        &format!("select=eq(n\\,{picture}),format=gray"),
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "pipe:1",
    ]);
    let bytes = command.output(fixtures::PATIENCE).await.unwrap().stdout;
    bytes.iter().map(|&luma| f64::from(luma)).sum::<f64>() / bytes.len() as f64
}

#[tokio::test]
async fn another_size_is_fitted_into_the_first_in_any_container() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let card = |size: &str| {
        format!("-f lavfi -i testsrc2=s={size}:r=25:d=4 -pix_fmt yuv420p -c:v libx264 -g 25 -qp 10")
    };
    let [wide, tall, both] = joined(&tools, &card("320x180"), &card("180x320"), &dir).await;
    assert_eq!(probe(&tools, &both).await.non_standard, [NonStandard::SizeChange]);
    for container in ["ts", "mp4", "flv"] {
        let copy = dir.path().join("copy").with_extension(container);
        make(&tools, &format!("-i {} -c copy", both.display()), &copy).await;
        let found = probe(&tools, &copy).await.non_standard;
        assert!(found.contains(&NonStandard::SizeChange), "{container}: {found:?}");
    }
    let (file, facts) = rewritten(&tools, &both, &dir).await;
    let video = facts.video.unwrap();
    assert_eq!((video.coded_width, video.coded_height, video.timeline.frames), (320, 180, 200));
    let first = part(&tools, &file, "trim=end_frame=100", &dir).await;
    assert_like(&first, &Expected::all(&wide), 34.0);
    // 180 × 320 in 180 lines is 102 wide (101.25), in the middle (109 rounded to whole chroma).
    let second = part(&tools, &file, "trim=start_frame=100,crop=102:180:108:0", &dir).await;
    assert_like(&second, &Expected::all(&tall), 34.0);
}

#[tokio::test]
async fn another_size_is_found_where_every_picture_is_a_key_frame() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for coded in [
        "-pix_fmt yuvj420p -c:v mjpeg -q:v 3",
        "-pix_fmt yuv420p -c:v mpeg2video -g 1 -q:v 3",
        "-pix_fmt yuv420p -c:v libx264 -g 2 -bf 0",
    ] {
        let card =
            |size: &str| format!("-f lavfi -i testsrc2=s={size}:r=25:d=4 {coded} -f matroska");
        let [.., both] = joined(&tools, &card("320x180"), &card("180x320"), &dir).await;
        let found = probe(&tools, &both).await;
        assert_eq!(found.non_standard, [NonStandard::SizeChange], "{coded}");
        let (_, facts) = rewritten(&tools, &both, &dir).await;
        let video = facts.video.unwrap();
        assert_eq!((video.coded_width, video.coded_height), (320, 180), "{coded}");
        // Where the size changes, ffmpeg's decoder of MPEG-2 drops the picture that it holds back.
        let held = u64::from(coded.contains("mpeg2video"));
        assert_eq!(video.timeline.frames, 200 - held, "{coded}");
        let [same, ..] = joined(&tools, &card("320x180"), &card("320x180"), &dir).await;
        assert_eq!(probe(&tools, &same).await.non_standard, [], "{coded}");
    }
}

#[tokio::test]
async fn another_sample_aspect_is_not_squeezed() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let card = |aspect: &str| {
        format!(
            "-f lavfi -i testsrc2=s=180x144:r=25:d=4 -pix_fmt yuv420p -c:v mpeg2video -q:v 2 -g 10 -aspect {aspect}"
        )
    };
    let [narrow, wide, both] = ["a.ts", "b.ts", "both.ts"].map(|name| dir.path().join(name));
    make(&tools, &card("4:3"), &narrow).await;
    make(&tools, &format!("{} -output_ts_offset 4", card("16:9")), &wide).await;
    // Byte by byte: Matroska says one sample aspect for all, and that is then what counts.
    let bytes = [&narrow, &wide].map(|file| fs_err::read(file).unwrap()).concat();
    fs_err::write(&both, bytes).unwrap();
    assert!(probe(&tools, &both).await.non_standard.contains(&NonStandard::SizeChange));
    let (file, facts) = rewritten(&tools, &both, &dir).await;
    let video = facts.video.unwrap();
    let size = (video.coded_width, video.coded_height, video.sample_aspect);
    // The last picture of the first part and the first of the second bear one stamp.
    assert_eq!((size, video.timeline.frames), ((192, 144, (1, 1)), 199));
    let first = part(&tools, &file, "trim=end_frame=99", &dir).await;
    assert_like(&first, &Expected::all(&narrow).numbers(0..99), 34.0);
    let second = part(&tools, &file, "trim=start_frame=99,crop=192:108:0:18", &dir).await;
    assert_like(&second, &Expected::all(&wide), 34.0);
}

#[tokio::test]
async fn a_turned_picture_is_rewritten_upright() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let [plain, turned] = ["plain.mp4", "turned.mp4"].map(|name| dir.path().join(name));
    let card = "-f lavfi -i testsrc2=s=320x180:r=25:d=2 -pix_fmt yuv420p -c:v libx264 -qp 10";
    make(&tools, card, &plain).await;
    let copy = format!("-i {} -c copy -metadata:s:v:0 rotate=90", plain.display());
    make(&tools, &copy, &turned).await;
    let (file, facts) = rewritten(&tools, &turned, &dir).await;
    let video = facts.video.unwrap();
    assert_eq!((video.coded_width, video.coded_height), (180, 320));
    assert_like(&file, &Expected::all(&turned), 34.0);
}

#[tokio::test]
async fn red_green_and_blue_keep_their_values() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("rgb.avi");
    let green = "-f lavfi -i color=0x00BF00:s=1280x720:r=25:d=0.4 -c:v ffv1 -pix_fmt bgr0";
    make(&tools, green, &clip).await;
    let (file, facts) = rewritten(&tools, &clip, &dir).await;
    let tags = facts.video.as_ref().unwrap().color.clone();
    assert_eq!((tags.space.as_deref(), tags.range.as_deref()), (Some("bt709"), Some("tv")));
    let plan = plan(&facts, &Options::default(), Limits::default()).unwrap().video.unwrap();
    let input = Input::Path(file);
    let made = ffmpeg::encode_chunk(&tools, &input, &[], &plan, 0, dir.path(), |_| {});
    let raw = dir.path().join("raw");
    let args = format!("-i {} -frames:v 1 -f rawvideo", made.await.unwrap().files[0].display());
    make(&tools, &args, &raw).await;
    let shown = fs_err::read(&raw).unwrap();
    let pixels = shown.len() * 2 / 3;
    let found = [shown[pixels / 2], shown[pixels + pixels / 8], shown[pixels * 5 / 4 + pixels / 8]];
    // Luma, Cb and Cr of BT.709 (ITU-R BT.709, 3.2): green weighs 0.7152.
    for (value, right) in found.into_iter().zip([133_u8, 63, 52]) {
        assert!(value.abs_diff(right) <= 2, "{found:?}");
    }
}

#[tokio::test]
async fn an_odd_size_is_rewritten() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("odd.avi");
    // The source filter itself makes even sizes only.
    let cut = "testsrc2=s=162x92:r=25:d=0.4,format=yuv420p,crop=161:91:0:0:exact=1";
    make(&tools, &format!("-f lavfi -i {cut} -c:v ffv1"), &clip).await;
    let (_, facts) = rewritten(&tools, &clip, &dir).await;
    let video = facts.video.unwrap();
    assert_eq!((video.coded_width, video.coded_height, video.timeline.frames), (162, 92, 10));
}

#[tokio::test]
async fn seeks_to_key_frames_that_are_none_are_found() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let card = "-f lavfi -i testsrc2=s=96x64:r=25:d=14 -pix_fmt yuv420p";
    // Without a list of key frames (`stss`) an MP4 file says that every picture is one.
    let listed = dir.path().join("listed.mp4");
    make(
        &tools,
        &format!("{card} -c:v libx265 -preset ultrafast -x265-params log-level=1:keyint=120"),
        &listed,
    )
    .await;
    assert_eq!(probe(&tools, &listed).await.non_standard, []);
    let unlisted = dir.path().join("unlisted.mp4");
    let mut bytes = fs_err::read(&listed).unwrap();
    let at = bytes.windows(4).rposition(|name| name == b"stss").unwrap();
    bytes[at..at + 4].copy_from_slice(b"free");
    fs_err::write(&unlisted, bytes).unwrap();
    assert_eq!(probe(&tools, &unlisted).await.non_standard, [NonStandard::UnreliableSeek]);
    // Refreshed bit by bit, and nothing says where it is complete: no seek ever recovers.
    let refresh = dir.path().join("refresh.mp4");
    let coded =
        "-c:v libx264 -x264-params intra-refresh=1:keyint=30 -bsf:v filter_units=remove_types=6";
    make(&tools, &format!("{card} {coded}"), &refresh).await;
    assert_eq!(probe(&tools, &refresh).await.non_standard, [NonStandard::UnreliableSeek]);
    let (file, _) = rewritten(&tools, &unlisted, &dir).await;
    assert_like(&file, &Expected::all(&unlisted), 34.0);
}
