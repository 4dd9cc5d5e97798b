//! What publishers sent to the recorder (`examples/record.rs`): `testdata/README.md` says which.

use crate::wire;
use expect_test::{Expect, expect};
use proptest::{collection::vec, prelude::*, sample::select};
use rtmp::{Audio, Event, Limits, Session, Video};
use std::fmt::Write;

pub(crate) const FFMPEG_5: &[u8] = include_bytes!("../../testdata/ffmpeg-5.1.rtmp");
pub(crate) const FFMPEG_9: &[u8] = include_bytes!("../../testdata/ffmpeg-9.rtmp");
pub(crate) const FFMPEG_9_HEVC: &[u8] = include_bytes!("../../testdata/ffmpeg-9-hevc-opus.rtmp");
pub(crate) const FFMPEG_9_AV1: &[u8] = include_bytes!("../../testdata/ffmpeg-9-av1.rtmp");
pub(crate) const GSTREAMER: &[u8] = include_bytes!("../../testdata/gstreamer-rtmp2sink.rtmp");
pub(crate) const LIBRTMP: &[u8] = include_bytes!("../../testdata/gstreamer-rtmpsink.rtmp");

pub(crate) const OBS: &[u8] = include_bytes!("../../testdata/obs-29.rtmp");
pub(crate) const MULTITRACK: &[u8] = include_bytes!("../../testdata/ffmpeg-9-multitrack.rtmp");

pub(crate) const ALL: [&[u8]; 8] =
    [FFMPEG_5, FFMPEG_9, FFMPEG_9_HEVC, FFMPEG_9_AV1, GSTREAMER, LIBRTMP, OBS, MULTITRACK];

/// One line for the request, each configuration and the end; frames are counted.
fn summary(events: &[Event]) -> String {
    let mut text = String::new();
    let (mut pictures, mut keys, mut reordered, mut sounds) = (Vec::new(), 0, 0, Vec::new());
    for event in events {
        match event {
            Event::Publish(request) => {
                let (app, key) = (&request.app, request.key.expose());
                writeln!(text, "{} asks for {app} {key}", request.encoder).unwrap();
            }
            Event::Metadata(metadata) => {
                let number = |name| metadata.number(name).unwrap_or_default();
                let (width, height) = (number("width"), number("height"));
                let line = format!("metadata: {width}x{height} at {}\n", number("framerate"));
                // GStreamer says it again with every change of the measured bit rate.
                text.push_str(if text.ends_with(&line) { "" } else { &line });
            }
            Event::Video { time_ms, video: Video::Frame(frame) } => {
                pictures.push(*time_ms);
                keys += usize::from(frame.is_key);
                reordered += usize::from(frame.composition_ms != 0);
            }
            Event::Audio { time_ms, audio: Audio::Frame(_) } => sounds.push(*time_ms),
            Event::Video { video: Video::Configuration { codec, record }, .. } => {
                writeln!(text, "{codec:?}, {} bytes of configuration", record.len()).unwrap();
            }
            Event::Audio { audio: Audio::Configuration { codec, record }, .. } => {
                writeln!(text, "{codec:?}, {} bytes of configuration", record.len()).unwrap();
            }
            other => writeln!(text, "{other:?}").unwrap(),
        }
    }
    let span = |times: &[i64]| (times.iter().min().copied(), times.iter().max().copied());
    let (first, last) = span(&pictures);
    writeln!(
        text,
        "{} pictures, {keys} keys, {reordered} reordered, {first:?} to {last:?} ms",
        pictures.len()
    )
    .unwrap();
    let (first, last) = span(&sounds);
    writeln!(text, "{} sounds, {first:?} to {last:?} ms", sounds.len()).unwrap();
    text
}

#[track_caller]
fn check(recording: &[u8], expected: &Expect) {
    let mut session = Session::new(Limits::default(), 1);
    let (events, result) = wire::feed(&mut session, [recording]);
    assert_eq!(result, Ok(()));
    expected.assert_eq(&summary(&events));
}

#[test]
fn ffmpeg_5() {
    check(
        FFMPEG_5,
        &expect![[r"
        FMLE/3.0 (compatible; Lavf59.27.100) asks for live mrs_test
        metadata: 160x90 at 25
        H264, 44 bytes of configuration
        Aac, 5 bytes of configuration
        Video { time_ms: 1160, video: SequenceEnd }
        Ended(Unpublished)
        30 pictures, 3 keys, 30 reordered, Some(0) to Some(1160) ms
        53 sounds, Some(57) to Some(1264) ms
    "]],
    );
}

#[test]
fn ffmpeg_9() {
    check(
        FFMPEG_9,
        &expect![[r"
        FMLE/3.0 (compatible; Lavf63.1.102) asks for live mrs_test
        metadata: 160x90 at 25
        H264, 43 bytes of configuration
        Aac, 5 bytes of configuration
        Video { time_ms: 1183, video: SequenceEnd }
        Ended(Unpublished)
        30 pictures, 3 keys, 0 reordered, Some(23) to Some(1183) ms
        53 sounds, Some(0) to Some(1207) ms
    "]],
    );
}

#[test]
fn ffmpeg_9_with_hevc_and_opus() {
    check(
        FFMPEG_9_HEVC,
        &expect![[r"
        FMLE/3.0 (compatible; Lavf63.1.102) asks for live mrs_test
        metadata: 160x90 at 25
        Hevc, 2448 bytes of configuration
        Opus, 19 bytes of configuration
        Ended(Unpublished)
        30 pictures, 3 keys, 23 reordered, Some(0) to Some(1160) ms
        61 sounds, Some(73) to Some(1274) ms
    "]],
    );
}

#[test]
fn ffmpeg_9_with_av1() {
    check(
        FFMPEG_9_AV1,
        &expect![[r"
        FMLE/3.0 (compatible; Lavf63.1.102) asks for live mrs_test
        metadata: 160x90 at 25
        Av1, 17 bytes of configuration
        Aac, 5 bytes of configuration
        Ended(Unpublished)
        30 pictures, 3 keys, 0 reordered, Some(23) to Some(1183) ms
        53 sounds, Some(0) to Some(1207) ms
    "]],
    );
}

#[test]
fn gstreamer() {
    check(
        GSTREAMER,
        &expect![[r"
        LNX 10,0,32,18 asks for live mrs_test
        metadata: 160x90 at 25
        H264, 44 bytes of configuration
        Aac, 5 bytes of configuration
        metadata: 160x90 at 25
        Video { time_ms: 1160, video: SequenceEnd }
        Ended(Unpublished)
        30 pictures, 3 keys, 0 reordered, Some(0) to Some(1160) ms
        51 sounds, Some(0) to Some(1160) ms
    "]],
    );
}

#[test]
fn librtmp_in_gstreamer() {
    check(
        LIBRTMP,
        &expect![[r"
         asks for live mrs_test
        metadata: 160x90 at 25
        H264, 44 bytes of configuration
        Aac, 5 bytes of configuration
        metadata: 160x90 at 25
        Video { time_ms: 1160, video: SequenceEnd }
        Ended(Unpublished)
        30 pictures, 3 keys, 0 reordered, Some(0) to Some(1160) ms
        51 sounds, Some(0) to Some(1160) ms
    "]],
    );
}

#[test]
fn obs() {
    check(
        OBS,
        &expect![[r"
        FMLE/3.0 (compatible; FMSc/1.0) asks for live mrs_test
        metadata: 160x90 at 23.976023976023978
        Aac, 5 bytes of configuration
        H264, 40 bytes of configuration
        298 pictures, 2 keys, 0 reordered, Some(0) to Some(12387) ms
        534 sounds, Some(0) to Some(12376) ms
    "]],
    );
}

#[test]
fn ffmpeg_9_with_two_tracks_of_each_kind() {
    check(
        MULTITRACK,
        &expect![[r"
        FMLE/3.0 (compatible; Lavf63.1.102) asks for live mrs_test
        metadata: 160x90 at 25
        H264, 43 bytes of configuration
        Aac, 5 bytes of configuration
        Video { time_ms: 1183, video: SequenceEnd }
        Video { time_ms: 1183, video: SequenceEnd }
        Ended(Unpublished)
        30 pictures, 3 keys, 0 reordered, Some(23) to Some(1183) ms
        53 sounds, Some(0) to Some(1207) ms
    "]],
    );
    let mut session = Session::new(Limits::default(), 1);
    let (_, result) = wire::feed(&mut session, [MULTITRACK]);
    assert_eq!(result, Ok(()));
    assert!(session.statistics().other_tracks > 0);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(
        recording in select(ALL.to_vec()),
        cuts in vec(prop_oneof![1..20_usize, 1..3000_usize], 1..30),
    ) {
        let whole = wire::feed(&mut Session::new(Limits::default(), 1), [recording]);
        let (mut pieces, mut rest, mut cuts) = (Vec::new(), recording, cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(whole, wire::feed(&mut Session::new(Limits::default(), 1), pieces));
    }
}
