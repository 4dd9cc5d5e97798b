//! Whether this machine's graphics card encodes: found out once, by trying.

use std::time::Duration;

use tokio::sync::OnceCell;

use crate::{Error, Tools, args, run};

/// A card that does not answer within this time does not work.
const STALL: Duration = Duration::from_secs(30);

/// What trying NVENC showed; remembered, so that it is tried once.
#[derive(Debug, Default)]
pub struct Nvenc {
    tried: OnceCell<Trial>,
}

/// The outcome of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// A few frames were encoded.
    Works,
    /// What ffmpeg said first.
    Fails(String),
}

impl Nvenc {
    /// Encodes a few frames with `h264_nvenc`, the first time it is called.
    pub async fn trial(&self, tools: &Tools) -> Result<&Trial, Error> {
        self.tried.get_or_try_init(async || trial(tools).await).await
    }
}

async fn trial(tools: &Tools) -> Result<Trial, Error> {
    let command = tools.ours().args(args::trial());
    match run(command, |_| {}, STALL).await {
        Ok(_) => Ok(Trial::Works),
        // None of these says anything about the card, and the answer is remembered.
        Err(
            error @ (Error::ToolMissing { .. }
            | Error::Spawn { .. }
            | Error::Killed { .. }
            | Error::OutOfMemory { .. }),
        ) => Err(error),
        Err(Error::Failed { tail, .. }) => Ok(Trial::Fails(first_line(&tail))),
        Err(other) => Ok(Trial::Fails(other.to_string())),
    }
}

/// The first line of a log, without the name and address of what wrote it and its level.
fn first_line(log: &str) -> String {
    let line =
        log.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    let mut text = line;
    while let Some((_, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        text = rest;
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_was_said_first() {
        let log =
            "\n[h264_nvenc @ 0x55d] [error] Cannot load libcuda.so.1\n[error] Error initializing\n";
        assert_eq!(first_line(log), "Cannot load libcuda.so.1");
        assert_eq!(
            first_line("[error] Unknown encoder 'h264_nvenc'"),
            "Unknown encoder 'h264_nvenc'"
        );
        assert_eq!(first_line(""), "no reason given");
    }
}
