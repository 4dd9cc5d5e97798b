//! The ways in which a child process, or what it was given, can fail.

use std::path::Path;
use std::time::Duration;

/// What went wrong with a program or its input.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is not installed, or not where it was said to be. Permanent on this machine.
    #[error("program `{program}` was not found; {}", install_hint(program))]
    ToolMissing {
        /// The program, as it was named.
        program: String,
    },
    /// The program exists but could not be started.
    #[error("program `{program}` could not be started")]
    Spawn {
        /// The program, as it was named.
        program: String,
        /// Why the system refused.
        #[source]
        source: std::io::Error,
    },
    /// The program ended with an error of no class known below.
    #[error("program `{program}` failed ({}): {}", ending(*code, *signal), last_line(tail))]
    Failed {
        /// The program, as it was named.
        program: String,
        /// Exit code, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// End of what it wrote to standard error, at most 64 KiB.
        tail: String,
    },
    /// The program made no progress for too long and was killed.
    #[error("program `{program}` made no progress for {} s", after.as_secs_f64())]
    Stalled {
        /// The program, as it was named.
        program: String,
        /// How long it was watched without progress.
        after: Duration,
    },
    /// Somebody else ended the program by a signal, which says nothing about its work: an operator, a
    /// service manager that stops a whole group, or a container that goes.
    #[error("program `{program}` was killed ({})", ending(None, Some(*signal)))]
    Killed {
        /// The program, as it was named.
        program: String,
        /// The signal that ended it.
        signal: i32,
    },
    /// The kernel killed the program because memory ran out.
    #[error("program `{program}` was killed by the kernel: memory ran out")]
    OutOfMemory {
        /// The program, as it was named.
        program: String,
    },
    /// The program was refused more memory than it is given.
    #[error(
        "program `{program}` needs more memory than the {} MiB that it is given (--child-memory-mib)",
        bytes >> 20
    )]
    MemoryLimit {
        /// The program, as it was named.
        program: String,
        /// Private memory that it was given, in bytes.
        bytes: u64,
    },
    /// The program computed for as long as all cores may until its caller gives up anyway.
    #[error("program `{program}` used up its processor time")]
    ProcessorLimit {
        /// The program, as it was named.
        program: String,
    },
    /// The disk that the program writes to is full.
    #[error("program `{program}` found no space left on the disk")]
    DiskFull {
        /// The program, as it was named.
        program: String,
    },
    /// The program wrote more than its file size limit.
    #[error("program `{program}` wrote more than its file size limit")]
    OutputTooLarge {
        /// The program, as it was named.
        program: String,
    },
    /// The connection that the program read its input from failed, also when the program went on with
    /// what it had got. Says nothing of the input; worth another attempt.
    #[error("program `{program}` lost its input: {detail}")]
    InputLost {
        /// The program, as it was named.
        program: String,
        /// What the program said of the connection.
        detail: String,
    },
    /// The input is no media file, or is damaged beyond reading.
    #[error("input is not readable as media: {detail}")]
    InvalidData {
        /// What the reader said.
        detail: String,
    },
    /// The input was recognised as a format that is not accepted.
    #[error("{}", unaccepted(format))]
    UnacceptedFormat {
        /// Name of ffmpeg's demuxer.
        format: String,
    },
    /// A picture of the input has more pixels than decoders are given.
    #[error("the source has pictures of {size}, more pixels than are decoded (--max-pixels)")]
    PictureTooLarge {
        /// Width and height as the decoder found them.
        size: String,
    },
    /// The container lists more tracks and chapters than are read.
    #[error(
        "the source lists so many tracks and chapters that they take more than {} MiB to describe \
         (--max-tracks, --max-chapters)",
        crate::child::STDOUT_MAX >> 20
    )]
    HeaderTooLarge,
    /// The input is a media file without a picture or sound track.
    #[error("input has no video and no audio")]
    NoStreams,
    /// The input's only usable tracks are in a codec that cannot be decoded here.
    #[error("{kind} codec `{codec}` is not supported")]
    UnsupportedCodec {
        /// `video` or `audio`.
        kind: &'static str,
        /// The codec's name, or its four-character tag when it has none.
        codec: String,
    },
    /// The pictures or the sound are encrypted (Common Encryption, ISO/IEC 23001-7), or scrambled for
    /// conditional access (ETSI ETR 289).
    #[error("the media is encrypted: only what plays without a key can be transcoded")]
    Encrypted,
    /// The program printed something that could not be understood.
    #[error("output of `{program}` is not understood: {detail}")]
    Parse {
        /// The program, as it was named.
        program: String,
        /// Where it stopped making sense.
        detail: String,
    },
    /// The program took longer than it was given and was killed.
    #[error("program `{program}` took longer than {} s", after.as_secs_f64())]
    Timeout {
        /// The program, as it was named.
        program: String,
        /// The time it was given.
        after: Duration,
    },
    /// Reading a file, or talking to the program, failed.
    #[error("cannot {action}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Says what was attempted when an input or output operation failed.
    pub(crate) fn io(action: &str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action: action.to_owned(), source }
    }
}

/// ffmpeg's readers of single pictures end in `_pipe`. What it says of others may be a guess.
fn unaccepted(format: &str) -> String {
    match format.strip_suffix("_pipe") {
        Some(picture) => format!("the source is a single picture ({picture}), not a video"),
        None => format!("the source looks like `{format}`, a format that is not accepted"),
    }
}

fn install_hint(program: &str) -> &'static str {
    match Path::new(program).file_name().and_then(|name| name.to_str()) {
        Some("ffmpeg" | "ffprobe") => "install ffmpeg, for example with `apt-get install ffmpeg`",
        Some("yt-dlp") => "install yt-dlp, for example with `pip install yt-dlp`",
        Some("temporal") => "install the Temporal CLI, for example with `make setup`",
        _ => "install it and put it on PATH",
    }
}

fn ending(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown end".into(),
    }
}

fn last_line(tail: &str) -> &str {
    tail.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_how_to_install_it() {
        let missing = |program: &str| Error::ToolMissing { program: program.into() }.to_string();
        assert!(missing("/opt/x/ffprobe").contains("apt-get install ffmpeg"));
        assert!(missing("yt-dlp").contains("pip install yt-dlp"));
        assert!(missing("nonesuch").contains("PATH"));
    }

    #[test]
    fn a_single_picture_is_called_one() {
        let said = |format: &str| Error::UnacceptedFormat { format: format.into() }.to_string();
        assert_eq!(said("jpeg_pipe"), "the source is a single picture (jpeg), not a video");
        assert!(said("hls").contains("looks like `hls`"));
    }

    #[test]
    fn a_failure_shows_the_last_line_that_says_something() {
        let failed = |code, signal, tail: &str| {
            Error::Failed { program: "ffmpeg".into(), code, signal, tail: tail.into() }.to_string()
        };
        let text = failed(Some(1), None, "a\nb: no such filter\n\n");
        assert_eq!(text, "program `ffmpeg` failed (exit code 1): b: no such filter");
        assert_eq!(failed(None, Some(11), ""), "program `ffmpeg` failed (signal 11): no message");
    }
}
