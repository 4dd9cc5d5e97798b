//! `millrace transcode`: one source, one folder.

use std::{ffi::OsString, path::Path, process::Stdio};

use fixtures::Clip;

use crate::hls;

/// Transcodes a source into a folder, in chunks of one segment; `None` where tools are missing.
pub(crate) fn command(source: &Path, output: &Path) -> Option<std::process::Command> {
    fixtures::require_or_skip("ffmpeg")?;
    let temporal = fixtures::require_or_skip("temporal")?;
    let mut command = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
    command
        .arg("transcode")
        .arg(source)
        .arg("-o")
        .arg(output)
        .args(["--chunk-seconds", "6", "--scratch-reserve-mib", "1"])
        .args(["--options", r#"{"resolutions":["240p","144p"],"preset":"slow"}"#])
        .env("MILLRACE_TEMPORAL", temporal)
        .env_remove("TEMPORAL_ADDRESS");
    Some(command)
}

#[test]
fn makes_the_tree_and_leaves_nothing_else_whatever_the_folder_is_called() {
    let place = tempfile::tempdir().unwrap();
    // What ffmpeg would take for a pattern.
    let folder = place.path().join("100%d %05d%% done");
    let clip = Clip::new().size(426, 240).seconds(8);
    let Some(mut command) = command(&clip.path(), &folder) else { return };
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut names: Vec<_> = fs_err::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["144p", "240p", "audio-64", "master.m3u8"]);
    assert_eq!(hls::decoded_frames(&folder.join("240p/index.m3u8")), u64::from(clip.frames()));
}

#[test]
fn an_absent_source_is_named_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    for absent in ["holiday.mp4", "/etc/hostname/film.mp4"] {
        let Some(mut command) = command(Path::new(absent), &output) else { return };
        let ran = command.output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(said, format!("error: source_not_found: there is no file {absent}\n"));
        assert!(!ran.status.success() && !output.exists());
    }
}

#[test]
fn without_ffmpeg_it_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let clip = Clip::new().size(64, 64).seconds(1);
    let Some(mut command) = command(&clip.path(), folder.path()) else { return };
    let ran = command.args(["--ffmpeg", "/nowhere/ffmpeg"]).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(!ran.status.success() && said.contains("`/nowhere/ffmpeg` is not there"), "{said}");
}

#[test]
fn help_begins_with_what_it_is_for() {
    let mut command = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
    let said = String::from_utf8(command.arg("--help").output().unwrap().stdout).unwrap();
    assert!(said.starts_with("Turns videos into adaptive streams"), "{said}");
}

#[test]
fn interrupted_it_goes_on_when_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let clip = Clip::new().size(640, 480).seconds(24);
    let Some(mut first) = command(&clip.path(), folder.path()) else { return };
    let mut child = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let made = loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
        if let Some(segment) = first_segment_of_a_finished_chunk(folder.path()) {
            break segment;
        }
        std::thread::yield_now();
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let again = command(&clip.path(), folder.path()).unwrap().output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(folder.path().join("240p").join(&made).exists(), "the first segment was encoded again");
    assert!(!folder.path().join(".millrace").exists());
    assert_eq!(
        hls::decoded_frames(&folder.path().join("240p/index.m3u8")),
        u64::from(clip.frames())
    );
}

/// The first segment, once the manifest says that its chunk is finished.
fn first_segment_of_a_finished_chunk(folder: &Path) -> Option<OsString> {
    let videos = fs_err::read_dir(folder.join(".millrace/media/videos")).ok()?;
    let video = videos.flatten().next()?.path();
    let work = fs_err::read_dir(video.join("work")).ok()?.flatten();
    work.map(|chunks| chunks.path().join("000000.json")).find(|manifest| manifest.exists())?;
    let mut segments =
        fs_err::read_dir(video.join("outputs/240p")).ok()?.flatten().map(|entry| entry.file_name());
    segments.find(|name| name.to_string_lossy().starts_with("seg-00000"))
}

#[test]
fn a_source_that_is_no_video_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.mp4");
    fs_err::write(&text, "no video").unwrap();
    let Some(mut command) = command(&text, &folder.path().join("out")) else { return };
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("_media"), "{said}");
    assert!(!folder.path().join("out/.millrace").exists(), "a failed run left its state behind");
}

#[test]
fn a_source_beyond_a_limit_is_refused_with_number_and_flag() {
    let folder = tempfile::tempdir().unwrap();
    let clip = Clip::new().size(320, 240).seconds(3).path();
    for (flag, value, named) in [
        ("--max-duration", "2s", "at most 2 s are taken (--max-duration)"),
        ("--max-decoded-gigapixels", "0", "at most 0 are decoded (--max-decoded-gigapixels)"),
        ("--max-pixels", "320x239", "at most 76480 are taken (--max-pixels)"),
        ("--max-tracks", "1", "has 2 tracks; at most 1 are taken (--max-tracks)"),
        ("--max-frames", "10", "at most 10 are made (--max-frames)"),
        ("--child-memory-mib", "64", "than the 64 MiB that it is given (--child-memory-mib)"),
    ] {
        let output = folder.path().join(flag);
        let Some(mut command) = command(&clip, &output) else { return };
        let ran = command.args([flag, value]).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!ran.status.success(), "{flag}");
        assert!(said.contains("source_too_large") && said.contains(named), "{flag}: {said}");
    }
}
