//! Runs of real ffmpeg: followed, watched and judged.

use std::time::Duration;

use ffmpeg::{Command, Error, Tools, run};
use fixtures::PATIENCE;
use tokio::io::AsyncReadExt as _;

fn command(tools: &Tools, args: &str) -> Command {
    Command::new(&tools.ffmpeg).args(args.split_ascii_whitespace())
}

/// A stand-in for ffmpeg that ignores its arguments.
///
/// Another process writes the file: a descriptor of ours, open for writing, could be inherited by a
/// child that some other test is just starting, and the kernel runs no file that is being written.
pub(crate) async fn script(dir: &tempfile::TempDir, text: &str) -> Command {
    let (source, tool) = (dir.path().join("source"), dir.path().join("tool"));
    fs_err::write(&source, format!("#!/bin/sh\n{text}\n")).unwrap();
    let install = Command::new("install").arg("-m755").arg(&source).arg(&tool);
    assert!(install.output(PATIENCE).await.unwrap().status.success());
    Command::new(tool)
}

#[tokio::test]
async fn progress_is_heard_to_the_last_frame() {
    let Some(tools) = crate::tools() else { return };
    let mut heard = Vec::new();
    let encode = command(&tools, "-f lavfi -i testsrc2=d=2:r=25:s=64x64 -f null -");
    let finished = run(encode, |progress| heard.push(progress.clone()), PATIENCE).await.unwrap();
    assert_eq!(heard.last().map(|last| last.frame), Some(50));
    assert_eq!(finished.progress.out_time, Duration::from_secs(2));
    assert_eq!((finished.decode_errors, finished.log_tail.as_str()), (0, ""));
}

#[tokio::test]
async fn damage_is_counted_although_the_run_ends_well() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mp4");
    crate::make(&tools, "-f lavfi -i testsrc2=d=2:s=320x240 -c:v libx264 -preset ultrafast", &clip)
        .await;
    let mut bytes = fs_err::read(&clip).unwrap();
    for at in (20_000..60_000).step_by(500) {
        bytes[at] ^= 0x55;
    }
    fs_err::write(&clip, bytes).unwrap();
    let decode = command(&tools, &format!("-i file:{} -f null -", clip.display()));
    let finished = run(decode, |_| {}, PATIENCE).await.unwrap();
    assert!(finished.decode_errors > 0, "{}", finished.log_tail);
    assert!(finished.error_lines.iter().any(|line| line.starts_with("h264: ")));
}

#[tokio::test]
async fn standing_still_is_an_error_though_reports_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let same = "while :; do printf 'frame=7\\nspeed=1x\\nprogress=continue\\n'; sleep 0.2; done";
    let mut reports = 0;
    let stall = Duration::from_millis(1500);
    let running = run(script(&dir, same).await, |_| reports += 1, stall);
    let error = tokio::time::timeout(PATIENCE, running).await.expect("it goes on").unwrap_err();
    assert!(matches!(error, Error::Stalled { after, .. } if after == stall), "{error:?}");
    assert!(reports > 1);
}

/// A long file whose only key frame is its first.
async fn one_key_frame(tools: &Tools, dir: &tempfile::TempDir, seconds: u32) -> std::path::PathBuf {
    let clip = dir.path().join("clip.mp4");
    let source = format!("-f lavfi -i testsrc2=d={seconds}:s=640x360:r=25");
    let encode = "-c:v libx264 -preset ultrafast -g 100000 -keyint_min 100000 -sc_threshold 0";
    crate::make(tools, &format!("{source} {encode}"), &clip).await;
    clip
}

#[tokio::test]
async fn the_way_to_a_far_key_frame_is_no_standstill() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = one_key_frame(&tools, &dir, 60).await;
    // Enlarging takes time, of which a busy machine may grant but a part.
    let far = format!(
        "-i file:{} -vf scale=1920:1080,trim=start=59 -fps_mode passthrough -f null -",
        clip.display()
    );
    // When the first picture came.
    let first = async |stall| {
        let (mut first, started) = (None, std::time::Instant::now());
        let finished = run(
            command(&tools, &far),
            |progress| {
                let moves = progress.frame > 0;
                first = first.or(moves.then(|| started.elapsed()));
            },
            stall,
        );
        assert_eq!(finished.await.unwrap().progress.frame, 25);
        first.unwrap()
    };
    // How long that takes here and now says what a standstill would be.
    let alone = first(PATIENCE).await;
    let stall = alone / 6;
    let watched = first(stall).await;
    assert!(watched > stall, "{watched:?} to the first picture, a standstill is {stall:?}");
}

#[tokio::test]
async fn a_program_that_is_stopped_or_waits_for_bytes_stands_still() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let waits = command(&tools, &format!("-f mpegts -i file:{} -f null -", pipe.display()));
    let stops = script(&dir, "kill -STOP $$").await;
    for standing in [waits, stops] {
        let running = run(standing, |_| {}, Duration::from_millis(300));
        let error = tokio::time::timeout(PATIENCE, running).await.expect("it goes on").unwrap_err();
        assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn silence_is_an_error_too_also_after_the_last_report() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["exec sleep 1000", "echo progress=end; exec >&-; exec sleep 1000"] {
        let error =
            run(script(&dir, text).await, |_| {}, Duration::from_millis(100)).await.unwrap_err();
        assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_run_that_moves_slowly_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let slow = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo frame=$i; echo progress=continue; sleep 0.1; done";
    run(script(&dir, slow).await, |_| {}, Duration::from_millis(1500)).await.unwrap();
}

#[tokio::test]
async fn dropping_the_run_kills_it() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("held");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let holds = format!("exec 9>{}; echo progress=continue; exec sleep 1000", fifo.display());
    let reader = tokio::spawn({
        let fifo = fifo.clone();
        async move { fs_err::tokio::File::open(fifo).await.unwrap() }
    });
    let (heard, beat) = tokio::sync::oneshot::channel::<()>();
    let mut heard = Some(heard);
    let running = run(script(&dir, &holds).await, move |_| drop(heard.take()), PATIENCE);
    tokio::select! {
        ended = running => panic!("{ended:?}"),
        _ = beat => {}
    }
    // The run is dropped; the pipe it held must close.
    let mut pipe = reader.await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, pipe.read_to_end(&mut rest))
        .await
        .expect("it lives on")
        .unwrap();
}

#[tokio::test]
async fn failures_are_told_apart() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.avi");
    let source = "-f lavfi -i testsrc2=d=5:s=320x240";
    let fails = async |command: Command| run(command, |_| {}, PATIENCE).await.unwrap_err();

    let full = fails(command(&tools, &format!("{source} -f avi /dev/full"))).await;
    assert!(matches!(full, Error::DiskFull { .. }), "{full:?}");
    let long = command(&tools, source).arg(&out).file_size_limit(20_000);
    assert!(matches!(fails(long).await, Error::OutputTooLarge { .. }));
    let text = dir.path().join("text.mp4");
    fs_err::write(&text, "no media").unwrap();
    let invalid = fails(command(&tools, &format!("-i file:{} -f null -", text.display()))).await;
    assert!(matches!(&invalid, Error::InvalidData { detail } if !detail.contains("text.mp4")));
    let wrong = fails(command(&tools, &format!("{source} -vf nosuchfilter -f null -"))).await;
    assert!(
        matches!(&wrong, Error::Failed { code: Some(1), tail, .. } if tail.contains("nosuchfilter")),
        "{wrong:?}"
    );
    let killed = fails(script(&dir, "kill -KILL $$").await).await;
    assert!(matches!(killed, Error::Killed { .. }), "{killed:?}");
}

#[tokio::test]
async fn a_run_can_be_repeated_over_its_own_output() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mp4");
    for _ in 0..2 {
        let encode = command(&tools, "-f lavfi -i testsrc2=d=1:s=64x64").arg(&out);
        run(encode, |_| {}, PATIENCE).await.unwrap();
    }
    assert!(fs_err::metadata(&out).unwrap().len() > 0);
}
