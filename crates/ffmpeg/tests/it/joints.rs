//! The pictures on both sides of a joint of chunks are the source's, whatever a seek lands on.

use std::path::Path;

use ffmpeg::{Input, Tools};
use fixtures::pictures::{Expected, assert_like};
use media::bitrate::Bitrate;
use media::options::{Options, Preset};
use media::plan::{Limits, VideoPlan};

use crate::make;

/// A moving picture of 18.4 s in which every picture differs from every other: a moving test card, and
/// a grey that changes with the number.
const CARD: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=18.4,hue=b=1.5*sin(n/7) -pix_fmt yuv420p";

/// A clip's name, which says its container, and how it is coded.
type Coded = (&'static str, &'static str);

const HEVC: [Coded; 3] = [
    ("x265.ts", "-c:v libx265 -preset ultrafast -x265-params log-level=1"),
    (
        "x265-open.ts",
        "-c:v libx265 -preset ultrafast -x265-params log-level=1:open-gop=1:keyint=37:bframes=4:b-adapt=0",
    ),
    (
        "x265-open.mp4",
        "-c:v libx265 -preset ultrafast -x265-params log-level=1:open-gop=1:keyint=37:bframes=4:b-adapt=0",
    ),
];

const H264: [Coded; 6] = [
    ("x264.ts", "-c:v libx264 -preset veryfast"),
    ("x264-open.ts", "-c:v libx264 -preset veryfast -x264-params open-gop=1:keyint=37:bframes=3"),
    ("x264-open.mkv", "-c:v libx264 -preset veryfast -x264-params open-gop=1:keyint=37:bframes=3"),
    ("refresh.ts", "-c:v libx264 -preset veryfast -x264-params intra-refresh=1:keyint=30"),
    ("refresh.mp4", "-c:v libx264 -preset veryfast -x264-params intra-refresh=1:keyint=30"),
    ("x264.flv", "-c:v libx264 -preset veryfast -g 80"),
];

const OTHERS: [Coded; 4] = [
    ("mpeg2.ts", "-c:v mpeg2video -q:v 2 -g 40 -bf 2"),
    ("mpeg4.ts", "-c:v mpeg4 -q:v 2 -g 90 -bf 2"),
    ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M -g 110"),
    ("msmpeg4.asf", "-c:v msmpeg4 -q:v 2 -g 80"),
];

/// Plans chunks of six seconds, with so high a bit rate that encoding leaves little trace.
async fn planned(tools: &Tools, file: &Path) -> VideoPlan {
    let facts = ffmpeg::probe(tools, &Input::Path(file.to_owned()), |_| {}).await.unwrap();
    // Where pictures are refreshed bit by bit a seek recovers late: the probe has such a source
    // rewritten, and chunks of it are right nevertheless.
    if !file.display().to_string().contains("refresh") {
        assert_eq!(facts.non_standard, [], "{} is cut where it stands", file.display());
    }
    let options = Options { preset: Some(Preset::Ultrafast), ..Options::default() };
    let limits = Limits { parallel_chunks: 1, chunk_seconds: Some(6), ..Limits::default() };
    let mut plan = media::plan::plan(&facts, &options, limits).unwrap().video.unwrap();
    plan.rungs.truncate(1);
    plan.rungs[0].bitrate = Bitrate::kilobits(20_000);
    plan
}

/// Encodes every chunk, compares every picture, and expects no complaint about a healthy file.
async fn check(tools: &Tools, file: &Path) {
    let plan = planned(tools, file).await;
    assert!(plan.chunks == 3, "{} chunks", plan.chunks);
    let input = Input::Path(file.to_owned());
    for chunk in 0..plan.chunks {
        let folder = tempfile::tempdir().unwrap();
        let made =
            ffmpeg::encode_chunk(tools, &input, &[], &plan, chunk, folder.path(), |_| {}).await;
        let made = made.unwrap();
        let frames = plan.chunk(chunk);
        let name = format!("chunk {chunk} of {}", file.display());
        assert_eq!((made.decoded, made.decode_errors), (frames.end - frames.start, 0), "{name}");
        assert_like(&made.files[0], &Expected::all(file).numbers(frames), 40.0);
    }
}

async fn check_all(clips: &[Coded]) {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, coded) in clips {
        let clip = dir.path().join(name);
        make(&tools, &format!("{CARD} {coded}"), &clip).await;
        check(&tools, &clip).await;
    }
}

#[tokio::test]
async fn hevc_pictures_are_the_source_s_at_every_joint() {
    check_all(&HEVC).await;
}

#[tokio::test]
async fn h264_pictures_are_the_source_s_at_every_joint() {
    check_all(&H264).await;
}

#[tokio::test]
async fn pictures_of_other_codecs_are_the_source_s_at_every_joint() {
    check_all(&OTHERS).await;
}

#[tokio::test]
async fn damage_is_counted_once_where_it_is_shown() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mp4");
    // MPEG-2 resynchronizes within a picture, and gives out what is left of it.
    make(&tools, &format!("{CARD} -c:v mpeg2video -q:v 4 -g 250"), &clip).await;
    let mut bytes = fs_err::read(&clip).unwrap();
    // About four seconds in: the next chunk leads in through it, from the key frame at the start.
    let at = bytes.len() / 5;
    bytes[at..at + 100].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs_err::write(&clip, bytes).unwrap();
    let plan = planned(&tools, &clip).await;
    let input = Input::Path(clip);
    let mut found = Vec::new();
    for chunk in 0..plan.chunks {
        let folder = tempfile::tempdir().unwrap();
        let made =
            ffmpeg::encode_chunk(&tools, &input, &[], &plan, chunk, folder.path(), |_| {}).await;
        let made = made.unwrap();
        found.push((made.decode_errors > 0, made.damaged > 0));
    }
    assert_eq!(found, [(true, true), (false, false), (false, false)]);
}
