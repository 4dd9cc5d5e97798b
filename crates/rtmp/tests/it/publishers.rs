//! Real ffmpeg against the crate on a socket: every frame arrives as it stands in the file.

use fixtures::tools::command;
use ring::digest;
use rtmp::{Audio, Error, Event, Limits, Session, Video};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{Read, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A frame: decode and presentation time in milliseconds, whether it is a key, and its hash.
type Frame = (i64, i64, bool, String);

/// How the server answers the one who asks to publish.
#[derive(Clone, Copy)]
enum Answer {
    Accept,
    Refuse(&'static str),
}

/// Serves one connection to its end.
fn serve(mut peer: TcpStream, answer: Answer) -> (Vec<Event>, Result<(), Error>) {
    peer.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let started = Instant::now();
    let mut session = Session::new(Limits::default(), 1);
    let (mut events, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        let read = peer.read(&mut buffer).unwrap_or(0);
        let mut input = &buffer[..read];
        let mut result = Ok(());
        loop {
            match session.receive(started.elapsed(), &mut input) {
                Ok(Some(event)) => {
                    match (&event, answer) {
                        (Event::Publish(_), Answer::Accept) => session.accept(started.elapsed()),
                        (Event::Publish(_), Answer::Refuse(reason)) => session.end(reason),
                        _ => {}
                    }
                    events.push(event);
                }
                Ok(None) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        // A publisher that has sent its last byte may be gone already.
        let _ = peer.write_all(&session.take_output());
        let is_refused = matches!(answer, Answer::Refuse(_)) && !events.is_empty();
        if read == 0 || result.is_err() || is_refused {
            return (events, result);
        }
    }
}

/// Runs ffmpeg with these arguments and the address to publish to; returns what arrived.
fn publish(
    ffmpeg: &Path,
    arguments: &[&str],
    answer: Answer,
) -> (Vec<Event>, Result<(), Error>, Output) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("rtmp://{}/live/mrs_key", listener.local_addr().unwrap());
    let server = thread::spawn(move || serve(listener.accept().unwrap().0, answer));
    let mut publisher = command(ffmpeg);
    publisher.args(["-hide_banner", "-nostdin", "-v", "error"]).args(arguments).arg(&address);
    let output = publisher.stdin(Stdio::null()).output().unwrap();
    let (events, result) = server.join().unwrap();
    (events, result, output)
}

/// A clip as FLV: H.264 with B-frames and AAC.
fn clip(ffmpeg: &Path, folder: &Path) -> PathBuf {
    let path = folder.join("clip.flv");
    let made = command(ffmpeg)
        .args(["-hide_banner", "-nostdin", "-v", "error", "-y"])
        .args(["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "lavfi", "-i", "sine=r=48000"])
        .args(["-t", "4", "-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-bf", "2"])
        .args(["-c:a", "aac", "-b:a", "64k"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}

/// What ffprobe reads from the file: pictures, then sounds.
fn probed(ffprobe: &Path, path: &Path) -> [Vec<Frame>; 2] {
    let shown = "packet=codec_type,dts,pts,flags,data_hash";
    let output = command(ffprobe)
        .args(["-v", "error", "-show_packets", "-show_data_hash", "SHA256", "-show_entries", shown])
        .args(["-of", "default=noprint_wrappers=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut frames = [Vec::new(), Vec::new()];
    for packet in text.split("[PACKET]").skip(1) {
        let values: BTreeMap<_, _> =
            packet.lines().filter_map(|line| line.split_once('=')).collect();
        let ms = |name: &str| values[name].parse::<i64>().unwrap();
        let hash = values["data_hash"].trim_start_matches("SHA256:").to_owned();
        let is_sound = usize::from(values["codec_type"] == "audio");
        frames[is_sound].push((ms("dts"), ms("pts"), values["flags"].starts_with('K'), hash));
    }
    frames
}

fn hash(data: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, data);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn arrived(events: &[Event]) -> [Vec<Frame>; 2] {
    let mut frames = [Vec::new(), Vec::new()];
    for event in events {
        match event {
            Event::Video { time_ms, video: Video::Frame(frame) } => {
                let shown_ms = time_ms + i64::from(frame.composition_ms);
                frames[0].push((*time_ms, shown_ms, frame.is_key, hash(&frame.data)));
            }
            Event::Audio { time_ms, audio: Audio::Frame(frame) } => {
                frames[1].push((*time_ms, *time_ms, true, hash(&frame.data)));
            }
            _ => {}
        }
    }
    frames
}

#[test]
fn every_frame_of_ffmpeg_arrives_as_it_is_in_the_file() {
    let Some(ffmpeg) = fixtures::require_or_skip("ffmpeg") else { return };
    let Some(ffprobe) = fixtures::require_or_skip("ffprobe") else { return };
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(&ffmpeg, folder.path());
    let probed = probed(&ffprobe, &clip);
    assert_eq!(probed[0].len(), 120);
    assert!(probed[0].iter().any(|frame| frame.0 != frame.1), "B-frames are shown later");
    let clip = clip.to_str().unwrap();
    let arguments = ["-copyts", "-i", clip, "-c", "copy", "-f", "flv"];
    let (events, result, output) = publish(&ffmpeg, &arguments, Answer::Accept);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(result, Ok(()));
    let Some(Event::Publish(request)) = events.first() else { panic!("{:?}", events.first()) };
    assert_eq!((request.app.as_str(), request.key.expose()), ("live", "mrs_key"));
    assert!(matches!(events.last(), Some(Event::Ended(_))), "{:?}", events.last());
    assert_eq!(arrived(&events), probed);
}

#[test]
fn ffmpeg_prints_why_it_is_refused() {
    let Some(ffmpeg) = fixtures::require_or_skip("ffmpeg") else { return };
    let source = ["-f", "lavfi", "-i", "testsrc2=s=160x90", "-t", "1", "-f", "flv"];
    let answer = Answer::Refuse("unknown stream key");
    let (events, result, output) = publish(&ffmpeg, &source, answer);
    assert_eq!((events.len(), result), (1, Ok(())));
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("unknown stream key"), "{text}");
}

#[test]
fn ffmpeg_as_a_player_finds_our_digests_right_and_is_refused() {
    let Some(ffmpeg) = fixtures::require_or_skip("ffmpeg") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("rtmp://{}/live/mrs_key", listener.local_addr().unwrap());
    let server = thread::spawn(move || serve(listener.accept().unwrap().0, Answer::Accept));
    // Only as a player does ffmpeg compare the digests; it says so and ends where they are wrong.
    let player = ["-hide_banner", "-nostdin", "-v", "debug", "-i", &address, "-f", "null", "-"];
    let output = command(&ffmpeg).args(player).output().unwrap();
    let (events, result) = server.join().unwrap();
    assert_eq!((events, result), (vec![], Err(Error::PlayRefused)));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("version 4.5.0.1"), "{text}");
    assert!(!text.contains("validating failed"), "{text}");
}
