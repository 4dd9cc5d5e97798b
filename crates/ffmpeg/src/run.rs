//! One run of ffmpeg: follows its progress, detects stalls, judges its end.
//!
//! What it encodes is the caller's business; the options that every run shares are added here.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use crate::child::movement::Movement;
use crate::lines::Lines;
use crate::log::{Log, Spoilt};
use crate::progress::Parser;
use crate::samples::{Heard, Samples};
use crate::{Command, Error, Progress};

/// Options of every run. Overwriting (`-y`) is what lets a run be repeated.
const SHARED: &[&str] = &[
    "-hide_banner",
    "-nostdin",
    "-nostats",
    "-y",
    "-v",
    "repeat+level+error",
    "-stats_period",
    "0.5",
    "-progress",
    "pipe:1",
];

/// Standstill after which most runs are killed; one that moves reads or computes all the time.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// The same for a program that waits for the samples of another: that one has a watch of its own, and
/// may compute for minutes before the first sample.
const STALL_FED: Duration = Duration::from_mins(10);

/// Steps by which runs are niced below processes that answer requests: they use whole cores for
/// minutes.
pub(crate) const NICE: i32 = 5;

/// A run that ended well. It says nothing about the quality of the output: ffmpeg ends well on
/// damaged input too.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Exit status; always a success.
    pub status: ExitStatus,
    /// Errors that decoders reported, without those of pictures that only lead in after a seek.
    pub decode_errors: u64,
    /// The same errors by decoder, and what was spoilt by stream.
    pub(crate) by_decoder: BTreeMap<String, u64>,
    pub(crate) by_stream: BTreeMap<u32, Spoilt>,
    /// Pictures given out although parts of them are damaged, where the run shows warnings.
    pub damaged: u64,
    /// A picture from which on all are whole was shown, where the run asked for that.
    pub whole: bool,
    /// Errors that the container's reader reported.
    pub demux_errors: u64,
    /// End of standard error, at most 64 KiB.
    pub log_tail: String,
    /// The first error lines, at most 20.
    pub error_lines: Vec<String>,
    /// The last progress reported.
    pub progress: Progress,
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// Runs an ffmpeg command whose arguments hold inputs, filters and outputs.
///
/// `on_progress` is called for every report, about two a second. The group is killed when frame,
/// time and size all stand still for `stall` while the program neither reads nor computes, and when
/// the future is dropped. Run twice, it overwrites the outputs.
pub async fn run(
    command: Command,
    on_progress: impl FnMut(&Progress) + Send,
    stall: Duration,
) -> Result<Finished, Error> {
    // On the heap, as whoever awaits it holds all of it otherwise.
    Box::pin(run_with(command, on_progress, stall, |_| std::future::ready(Ok(()))))
        .await
        .map(|(finished, ())| finished)
}

/// Like [`run`], with samples on standard input.
pub(crate) async fn run_fed(
    command: Command,
    samples: Samples,
    on_progress: impl FnMut(&Progress) + Send,
) -> Result<(Finished, Heard), Error> {
    Box::pin(run_with(command.fed(), on_progress, STALL_FED, |pipe| samples.feed(pipe))).await
}

async fn run_with<T, F: Future<Output = Result<T, Error>>>(
    command: Command,
    on_progress: impl FnMut(&Progress) + Send,
    stall: Duration,
    feed: impl FnOnce(Option<ChildStdin>) -> F,
) -> Result<(Finished, T), Error> {
    let started = Instant::now();
    let mut child = command.args_first(SHARED).nice(NICE).spawn()?;
    tracing::debug!(pid = child.id(), program = child.program(), "started");
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let feeding = feed(child.take_stdin());
    let (program, disk_filled) = (child.program().to_owned(), child.given().disk_filled());
    let ending = async {
        let mut movement = Movement::of(&child, stall);
        let progress = follow(&mut movement, stdout, on_progress).await?;
        Ok((progress, movement.wait(child.wait()).await??))
    };
    let all = async { tokio::try_join!(ending, read_log(stderr), feeding) };
    let ((progress, status), log, outcome) = tokio::select! {
        ended = all => ended?,
        () = disk_filled => return Err(Error::DiskFull { program }),
    };
    child.judge(status, &log)?;
    let log_tail = log.tail();
    let finished = Finished {
        status,
        decode_errors: log.decode_errors,
        by_decoder: log.by_decoder,
        by_stream: log.by_stream,
        damaged: log.damaged,
        whole: log.whole,
        demux_errors: log.demux_errors,
        log_tail,
        error_lines: log.error_lines,
        progress,
        elapsed: started.elapsed(),
    };
    Ok((finished, outcome))
}

/// Reads progress to the end of the pipe.
async fn follow(
    movement: &mut Movement,
    pipe: Option<ChildStdout>,
    mut on_progress: impl FnMut(&Progress) + Send,
) -> Result<Progress, Error> {
    let mut last = Progress::default();
    let Some(pipe) = pipe else { return Ok(last) };
    let (mut lines, mut parser) = (Lines::new(pipe), Parser::default());
    loop {
        let line = movement.wait(lines.next()).await?.map_err(unreadable)?;
        let Some(line) = line else { return Ok(last) };
        if let Some(progress) = parser.line(&line) {
            if progress.moved_since(&last) {
                movement.moved();
            } else {
                movement.stood()?;
            }
            last.clone_from(progress);
            on_progress(&last);
        }
    }
}

/// Reads standard error to its end.
pub(crate) async fn read_log(pipe: Option<ChildStderr>) -> Result<Log, Error> {
    let mut log = Log::default();
    let Some(pipe) = pipe else { return Ok(log) };
    let mut lines = Lines::new(pipe);
    while let Some(line) = lines.next().await.map_err(unreadable)? {
        log.push(&line);
    }
    Ok(log)
}

pub(crate) fn unreadable(source: std::io::Error) -> Error {
    Error::Io { action: "read what a program prints".into(), source }
}
