//! No child outlives its handle, its process or its limits.
//!
//! That a process is gone is seen by the end of a pipe it held: the kernel closes it, nothing polls.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use ffmpeg::{Child, Command, Error};
use fixtures::PATIENCE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// Set in the process that is to be killed.
const PARENT: &str = "FFMPEG_TEST_PARENT";

fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

/// Reads one line, so the script has come that far.
async fn line(pipe: impl AsyncRead + Unpin) -> (String, impl AsyncRead + Unpin) {
    let (mut reader, mut line) = (BufReader::new(pipe), String::new());
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await.unwrap().unwrap();
    (line.trim().to_owned(), reader)
}

/// Succeeds when every process that holds the pipe has ended.
async fn all_gone(mut pipe: impl AsyncRead + Unpin) {
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, pipe.read_to_end(&mut rest))
        .await
        .expect("a process lives on")
        .unwrap();
}

fn signal(status: std::process::ExitStatus) -> Option<Signal> {
    status.signal().map(|number| Signal::try_from(number).unwrap())
}

/// A leader and a grandchild that both ignore SIGTERM.
async fn stubborn() -> (Child, impl AsyncRead + Unpin) {
    let mut child = sh("trap '' TERM; sleep 1000 & echo ready; wait").spawn().unwrap();
    let (said, pipe) = line(child.take_stdout().unwrap()).await;
    assert_eq!(said, "ready");
    (child, pipe)
}

#[tokio::test]
async fn dropping_kills_the_whole_group() {
    let (child, pipe) = stubborn().await;
    let id = child.id();
    drop(child);
    all_gone(pipe).await;
    // On a busy machine it may be reaped only after the drop has stopped waiting for it.
    let reaped = async {
        while std::path::Path::new(&format!("/proc/{id}")).exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reaped).await.expect("the leader was not reaped");
}

#[tokio::test]
async fn dropping_the_future_kills_too() {
    let mut child = sh("echo ready; exec sleep 1000").spawn().unwrap();
    let (_, pipe) = line(child.take_stdout().unwrap()).await;
    let waiting = async move { child.wait().await };
    assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());
    all_gone(pipe).await;
}

#[tokio::test]
async fn terminating_kills_what_does_not_listen() {
    let (mut child, pipe) = stubborn().await;
    let status = child.terminate(Duration::from_millis(20)).await.unwrap();
    assert_eq!(signal(status), Some(Signal::SIGKILL));
    all_gone(pipe).await;
    assert_eq!(child.terminate(PATIENCE).await.unwrap(), status);
}

#[tokio::test]
async fn terminating_asks_first() {
    let mut child =
        sh("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done").spawn().unwrap();
    let (_, pipe) = line(child.take_stdout().unwrap()).await;
    assert_eq!(child.terminate(PATIENCE).await.unwrap().code(), Some(7));
    all_gone(pipe).await;
}

#[tokio::test]
async fn a_leader_that_ends_takes_its_group_along() {
    let mut child = sh("sleep 1000 & exit 3").spawn().unwrap();
    let pipe = child.take_stdout().unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(3));
    all_gone(pipe).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(3));
}

#[tokio::test]
async fn killing_the_parent_kills_its_ffmpeg() {
    let Some(tools) = crate::tools() else { return };
    if std::env::var_os(PARENT).is_some() {
        let encode = "-v quiet -re -f lavfi -i testsrc2 -f null -".split(' ');
        let mut child =
            Command::new(tools.ffmpeg).args(encode).stderr(Stdio::inherit()).spawn().unwrap();
        eprintln!("started");
        child.wait().await.unwrap();
        return;
    }
    let this = "child::killing_the_parent_kills_its_ffmpeg";
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(PARENT, "1")
        .spawn()
        .unwrap();
    let (said, pipe) = line(parent.take_stderr().unwrap()).await;
    assert_eq!(said, "started");
    // Its ffmpeg leads a group of its own, so only the parent-death signal can reach it.
    kill(Pid::from_raw(parent.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
    all_gone(pipe).await;
}

#[tokio::test]
async fn a_child_survives_the_thread_that_asked_for_it() {
    let runtime = tokio::runtime::Handle::current();
    let (send, receive) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || {
        let _entered = runtime.enter();
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let _ = send.send((nix::unistd::gettid(), child));
    });
    let (thread_id, mut child) = receive.await.unwrap();
    thread.join().unwrap();
    // The kernel sends parent-death signals before the thread leaves this list.
    let task = std::path::PathBuf::from(format!("/proc/self/task/{thread_id}"));
    while task.exists() {
        tokio::task::yield_now().await;
    }
    assert_eq!(signal(child.terminate(PATIENCE).await.unwrap()), Some(Signal::SIGTERM));
}

#[tokio::test]
async fn a_missing_program_is_named_and_a_missing_folder_is_not_blamed_on_it() {
    let missing = Command::new("no-such-program").spawn().unwrap_err();
    assert!(matches!(missing, Error::ToolMissing { program } if program == "no-such-program"));
    let nowhere = Command::new("true").current_dir("/no/such/folder").spawn().unwrap_err();
    assert!(matches!(nowhere, Error::Spawn { program, .. } if program == "true"));
}

#[tokio::test]
async fn output_is_captured_within_its_bounds() {
    let output = sh("echo out; echo err >&2; exit 4").output(PATIENCE).await.unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!((output.status.code(), output.truncated), (Some(4), false));
    let flood = "head -c 20000000 /dev/zero; head -c 300000 /dev/zero >&2; echo end >&2";
    let output = sh(flood).output(PATIENCE).await.unwrap();
    assert_eq!((output.stdout.len(), output.truncated), (ffmpeg::child::STDOUT_MAX, true));
    assert_eq!(output.stderr.len(), ffmpeg::child::STDERR_MAX);
    assert!(output.stderr.ends_with(b"end\n"));
}

#[tokio::test]
async fn what_takes_too_long_is_killed() {
    let late = sh("sleep 1000 & sleep 1000").output(Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(late, Error::Timeout { .. }), "{late:?}");
}

#[tokio::test]
async fn limits_and_surroundings_reach_the_child() {
    let dir = tempfile::tempdir().unwrap();
    let write = "head -c 4096 /dev/zero > big";
    let mut child = Command::new("bash")
        .args(["-c", &format!("exec {write}")])
        .current_dir(dir.path())
        .file_size_limit(1000)
        .spawn()
        .unwrap();
    assert_eq!(signal(child.wait().await.unwrap()), Some(Signal::SIGXFSZ));
    assert_eq!(fs_err::metadata(dir.path().join("big")).unwrap().len(), 1000);

    let before = Command::new("nice").output(PATIENCE).await.unwrap().stdout;
    let after = Command::new("nice").nice(3).output(PATIENCE).await.unwrap().stdout;
    let level = |text: Vec<u8>| String::from_utf8(text).unwrap().trim().parse::<i32>().unwrap();
    assert_eq!(level(after), level(before) + 3);

    let env =
        Command::new("/usr/bin/env").env_clear().env("A", "b").output(PATIENCE).await.unwrap();
    assert_eq!(env.stdout, b"A=b\n");
}

#[test]
fn without_a_runtime_nothing_starts() {
    let error = Command::new("true").spawn().unwrap_err();
    assert!(matches!(error, Error::Spawn { .. }));
}
