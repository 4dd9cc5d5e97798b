//! Why a run of ffmpeg or ffprobe failed, judged by its status and its last messages.
//!
//! This is the only place that looks into message texts; everyone else matches on [`Error`].

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

use crate::child::{Given, memory};
use crate::log::{Line, Log, Origin};
use crate::{Error, Output};

/// Judges a run that has ended, by its status and its output: neither alone is enough. `given` is
/// what it might use.
pub(crate) fn judge(
    program: &str,
    status: ExitStatus,
    log: &Log,
    given: &Given,
) -> Result<(), Error> {
    let program = program.to_owned();
    if let Some(detail) = &log.lost {
        return Err(Error::InputLost { program, detail: detail.clone() });
    }
    let lacked = |bytes: &u64| !status.success() && lacked_memory(log, *bytes);
    if let Some(bytes) = given.memory.filter(lacked) {
        return Err(Error::MemoryLimit { program, bytes });
    }
    if !status.success() {
        return Err(match failure(program, status, log) {
            Error::OutputTooLarge { program } if given.by_disk => Error::DiskFull { program },
            error => error,
        });
    }
    unwritten(&program, log).map_or(Ok(()), Err)
}

/// Judges a run whose output was captured.
pub(crate) fn judge_output(program: &str, output: &Output) -> Result<(), Error> {
    let mut log = Log::default();
    String::from_utf8_lossy(&output.stderr).lines().for_each(|line| log.push(line));
    judge(program, output.status, &log, &output.given)
}

/// ffmpeg's exit code after SIGTERM or SIGINT, which it catches to finish its files. Later versions
/// also end so when an operation is not permitted, but then they say it.
const TOLD_TO_END: i32 = 255;

/// The error for a run that ended with a failing `status`.
fn failure(program: String, status: ExitStatus, log: &Log) -> Error {
    if let Some(error) = ended_from_outside(&program, status, log) {
        return error;
    }
    if let Some(size) = &log.oversized {
        return Error::PictureTooLarge { size: size.clone() };
    }
    let mut invalid = false;
    for line in log.lines_from_end() {
        if says(line, "No space left on device") {
            return Error::DiskFull { program };
        }
        if let Some(codec) = missing_decoder(line) {
            return Error::UnsupportedCodec { kind: "input", codec };
        }
        invalid |= refuses_input(line);
    }
    if let Some(format) = log.lines_from_end().find_map(refused_format) {
        return Error::UnacceptedFormat { format: format.to_owned() };
    }
    if invalid {
        return Error::InvalidData { detail: detail(log) };
    }
    if let Some(stream) = &log.unopened {
        let said = if log.error_lines.is_empty() { String::new() } else { detail(log) + "; " };
        let detail = format!("{said}stream {stream} does not say what its decoder needs");
        return Error::InvalidData { detail };
    }
    Error::Failed { program, code: status.code(), signal: status.signal(), tail: log.tail() }
}

/// Memory below which a run that only says that it could not start something lacked memory for it.
const TIGHT: u64 = 1 << 30;

/// True when a run that was given so much memory was refused more: by what ffmpeg itself says, by what
/// x264 and x265 say, on their own or through ffmpeg, by what a program in C++ says as it is aborted, and
/// by what the system says while it loads libraries.
fn lacked_memory(log: &Log, given: u64) -> bool {
    let refused = |line: Line<'_>| {
        let own = ["x264 [error]: ", "x265 [error]: "];
        let said = own.iter().find_map(|start| line.message.strip_prefix(start));
        let loading = line.message.contains(": error while loading shared libraries: ");
        let loaded = loading
            && ["failed to map segment from shared object", ": Cannot allocate memory"]
                .iter()
                .any(|end| line.message.ends_with(end));
        says(line, "Cannot allocate memory")
            || (line.is_error() && line.message.starts_with("malloc of size "))
            || said.is_some_and(|said| said.starts_with("malloc of size "))
            || line.message.ends_with("'std::bad_alloc'")
            || loaded
    };
    log.lines_from_end().any(refused) || (given < TIGHT && could_not_start(log))
}

/// True when threads could not be started, for which an encoder gives no reason and ffmpeg guesses
/// at one: whoever minds its parameters says which.
fn could_not_start(log: &Log) -> bool {
    let mut errors = log.lines_from_end().filter(Line::is_error).peekable();
    let unopened = |line: Line<'_>| line.message.contains("Error while opening encoder for output");
    let done = |line: Line<'_>| line.message.starts_with("Conversion failed!");
    let silent = errors.peek().is_some() && errors.all(|line| unopened(line) || done(line));
    // `ff_frame_thread_encoder_init failed`, and the same of other kinds of threads.
    let threads = |line: Line<'_>| {
        let of_threads = line.message.starts_with("ff_") && line.message.contains("_thread_");
        line.is_error() && of_threads && line.message.ends_with("init failed")
    };
    let refused = |line| threads(line) || says(line, "Resource temporarily unavailable");
    silent || log.lines_from_end().any(refused)
}

/// The error for a run that a signal from outside ended. A signal that the program raised itself by a
/// fault, such as SIGSEGV, is a failure like any other.
///
/// Our own kills never come here: they end with a timeout, a stall or a dropped future.
fn ended_from_outside(program: &str, status: ExitStatus, log: &Log) -> Option<Error> {
    let program = program.to_owned();
    let Some(signal) = status.signal() else {
        let told =
            status.code() == Some(TOLD_TO_END) && !log.lines_from_end().any(|line| line.is_error());
        return told.then_some(Error::Killed { program, signal: Signal::SIGTERM as i32 });
    };
    match Signal::try_from(signal) {
        Ok(Signal::SIGKILL) if memory::ran_out() => Some(Error::OutOfMemory { program }),
        Ok(Signal::SIGXFSZ) => Some(Error::OutputTooLarge { program }),
        Ok(Signal::SIGXCPU) => Some(Error::ProcessorLimit { program }),
        _ => was_killed(status).then_some(Error::Killed { program, signal }),
    }
}

/// Whether a program was ended by a signal that it does not raise by its own faults.
pub fn was_killed(status: ExitStatus) -> bool {
    let signal = status.signal().and_then(|signal| Signal::try_from(signal).ok());
    matches!(
        signal,
        Some(Signal::SIGKILL | Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP | Signal::SIGQUIT)
    )
}

/// The error for a run that ended with success although its output is not whole: ffmpeg 5.1 ends with
/// 0 when the last bytes do not fit on the disk, and when some pictures are too large for its decoder.
fn unwritten(program: &str, log: &Log) -> Option<Error> {
    // Later pictures may have been fine, so that the run ended well without the large ones.
    if let Some(size) = &log.oversized {
        return Some(Error::PictureTooLarge { size: size.clone() });
    }
    let mut last = log.lines_from_end().filter(Line::is_error);
    let failed = ["Error writing trailer of ", "Error closing file "];
    last.find(|line| {
        line.context.is_none() && failed.iter().any(|start| line.message.starts_with(start))
    })
    .map(|line| {
        if says(line, "No space left on device") {
            Error::DiskFull { program: program.to_owned() }
        } else {
            Error::Failed {
                program: program.to_owned(),
                code: Some(0),
                signal: None,
                tail: log.tail(),
            }
        }
    })
}

/// True when the message is `text`, or ends with it behind a colon: a file or a title that holds the
/// same words does not stand there.
fn says(line: Line<'_>, text: &str) -> bool {
    let rest = line.message.trim_end().trim_end_matches('.').strip_suffix(text);
    line.is_error() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(": "))
}

/// `Decoder (codec vvc) not found for input stream #0:0`, of ffmpeg 5.1; later versions say
/// `Decoding requested, but no decoder found for: vvc`.
fn missing_decoder(line: Line<'_>) -> Option<String> {
    let name = if let Some(rest) = line.message.strip_prefix("Decoder (codec ") {
        rest.split_once(") not found")?.0
    } else {
        line.message.strip_prefix("Decoding requested, but no decoder found for: ")?
    };
    Some(name.trim().to_owned())
}

/// The line with which ffmpeg and ffprobe give an input up. One packet that does not decode ends in
/// the same words, but is no reason to fail.
fn refuses_input(line: Line<'_>) -> bool {
    let packet = line.message.starts_with("Error while decoding")
        || line.message.starts_with("Error submitting");
    let opening = line.context.is_none() || line.origin() == Origin::Demux;
    // Of all that the track holds, nothing came out of its decoder.
    let nothing =
        line.is_error() && line.message.starts_with("Cannot determine format of input stream ");
    // It ends where its reader still expects a header.
    let named = line.message.starts_with("file:") || line.message.contains("://");
    let ended = line.context.is_none() && named && says(line, "End of file");
    nothing
        || ended
        || (opening && !packet && says(line, "Invalid data found when processing input"))
}

/// The format that an allow-list keeps out.
fn refused_format(line: Line<'_>) -> Option<&str> {
    line.context.filter(|_| line.message.starts_with("Format not on whitelist"))
}

/// The first things said about the input, without its name: names are ours, not the user's.
fn detail(log: &Log) -> String {
    let about = |line: &&String| !line.starts_with("file:") && !line.contains("://");
    let mut said: Vec<&str> =
        log.error_lines.iter().filter(about).map(String::as_str).take(3).collect();
    said.dedup();
    if said.is_empty() { "unknown format".into() } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIT_1: i32 = 1 << 8;

    fn class(status: i32, text: &str) -> Error {
        let mut log = Log::default();
        text.lines().for_each(|line| log.push(line));
        failure("ffmpeg".into(), ExitStatus::from_raw(status), &log)
    }

    #[test]
    fn signals_are_told_apart() {
        for outside in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let error = class(outside as i32, "");
            assert!(matches!(error, Error::Killed { signal, .. } if signal == outside as i32));
        }
        assert!(matches!(class(25, ""), Error::OutputTooLarge { .. }));
        assert!(matches!(class(24, ""), Error::ProcessorLimit { .. }));
        assert!(matches!(class(11, ""), Error::Failed { code: None, signal: Some(11), .. }));
    }

    #[test]
    fn an_ffmpeg_that_was_told_to_end_did_not_fail() {
        let told = TOLD_TO_END << 8;
        assert!(matches!(class(told, ""), Error::Killed { signal: 15, .. }));
        let refused = "[error] Error opening input: Operation not permitted";
        assert!(matches!(class(told, refused), Error::Failed { code: Some(255), .. }));
    }

    #[test]
    fn a_full_disk_is_named() {
        let said = "[error] av_interleaved_write_frame(): No space left on device\n\
                    [error] Error writing trailer of out.mp4: No space left on device";
        assert!(matches!(class(EXIT_1, said), Error::DiskFull { .. }));
        let title = "[error] No space left on device.mp4: Permission denied";
        assert!(matches!(class(EXIT_1, title), Error::Failed { code: Some(1), .. }));
    }

    #[test]
    fn an_output_that_is_not_whole_is_a_failure_whatever_the_exit_code() {
        let mut log = Log::default();
        assert!(unwritten("ffmpeg", &log).is_none());
        log.push("[error] Error writing trailer of /x/y.mp4: Input/output error");
        assert!(matches!(unwritten("ffmpeg", &log), Some(Error::Failed { code: Some(0), .. })));
        log.push("[error] Error closing file /x/y.mp4: No space left on device");
        assert!(matches!(unwritten("ffmpeg", &log), Some(Error::DiskFull { .. })));
    }

    #[test]
    fn an_input_that_broke_off_is_lost_whatever_the_exit_code() {
        let said = include_str!("../testdata/broken_off.log");
        for status in [0, EXIT_1] {
            let mut log = Log::default();
            said.lines().for_each(|line| log.push(line));
            let judged = judge("ffmpeg", ExitStatus::from_raw(status), &log, &Given::default());
            let Err(Error::InputLost { detail, .. }) = judged else { panic!("{judged:?}") };
            assert_eq!(detail, "http: Stream ends prematurely at 400000, should be 2010098");
        }
        let mut log = Log::default();
        log.push("[matroska,webm @ 0x1] [error] File ended prematurely");
        assert!(judge("ffmpeg", ExitStatus::from_raw(0), &log, &Given::default()).is_ok());
    }

    #[test]
    fn memory_that_was_refused_is_named_with_what_was_given() {
        for said in [
            "[error] Error while opening encoder: Cannot allocate memory\n[fatal] Conversion failed!",
            "[libx264 @ 0x1] [error] malloc of size 8388608 failed",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "x264 [error]: malloc of size 16386 failed",
            "ffmpeg: error while loading shared libraries: libgsm.so.1: failed to map segment from \
             shared object",
            "ffmpeg: error while loading shared libraries: cannot allocate symbol search list: Cannot \
             allocate memory",
        ] {
            let mut log = Log::default();
            said.lines().for_each(|line| log.push(line));
            let judged = |memory| {
                let given = Given { memory, ..Given::default() };
                judge("ffmpeg", ExitStatus::from_raw(EXIT_1), &log, &given)
            };
            let named = judged(Some(1 << 30));
            assert!(matches!(named, Err(Error::MemoryLimit { bytes, .. }) if bytes == 1 << 30));
            assert!(matches!(judged(None), Err(Error::Failed { .. })), "{said}");
        }
    }

    #[test]
    fn an_encoder_that_opens_for_no_reason_lacked_memory_only_where_there_is_little() {
        let unopened = "[error] Error initializing output stream 0:0 -- Error while opening encoder for \
                        output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width \
                        or height\n[fatal] Conversion failed!";
        let reasoned =
            format!("[libx264 @ 0x1] [error] width not divisible by 2 (3x2)\n{unopened}");
        let threads = "[error] Error reinitializing filters!: Resource temporarily unavailable";
        let encoders =
            format!("[rawvideo @ 0x1] [error] ff_frame_thread_encoder_init failed\n{unopened}");
        for (said, memory, lacked) in [
            (unopened, TIGHT - 1, true),
            (&*encoders, TIGHT - 1, true),
            (&*encoders, TIGHT, false),
            (threads, TIGHT - 1, true),
            (unopened, TIGHT, false),
            (threads, TIGHT, false),
            (&*reasoned, TIGHT - 1, false),
            ("", TIGHT - 1, false),
        ] {
            let mut log = Log::default();
            said.lines().for_each(|line| log.push(line));
            let given = Given { memory: Some(memory), ..Given::default() };
            let judged = judge("ffmpeg", ExitStatus::from_raw(EXIT_1), &log, &given);
            assert_eq!(matches!(judged, Err(Error::MemoryLimit { .. })), lacked, "{said} {memory}");
        }
    }

    #[test]
    fn a_refused_input_says_why_without_its_name() {
        let error = class(EXIT_1, include_str!("../testdata/text_renamed.log"));
        let Error::InvalidData { detail } = error else { panic!("{error:?}") };
        assert_eq!(detail, "mov,mp4,m4a,3gp,3g2,mj2: moov atom not found");
        let listed = "[hls @ 0x1] [error] Format not on whitelist 'mov'\n\
                      [error] file:/x/y.mp4: Invalid argument";
        let error = class(EXIT_1, listed);
        assert!(matches!(error, Error::UnacceptedFormat { format } if format == "hls"));
    }

    #[test]
    fn a_picture_of_too_many_pixels_is_named_whatever_the_exit_code() {
        let said = "[h264 @ 0x1] [IMGUTILS @ 0x2] [error] Picture size 640x360 exceeds specified max \
                    pixel count 100000, see the documentation if you wish to increase it\n\
                    [h264 @ 0x1] [error] get_buffer() failed";
        let error = class(EXIT_1, said);
        assert!(
            matches!(&error, Error::PictureTooLarge { size } if size == "640x360"),
            "{error:?}"
        );
        let mut log = Log::default();
        said.lines().for_each(|line| log.push(line));
        assert!(matches!(unwritten("ffmpeg", &log), Some(Error::PictureTooLarge { .. })));
    }

    #[test]
    fn a_packet_that_does_not_decode_is_not_why_a_run_failed() {
        let said = "[error] Error while decoding stream #0:1: Invalid data found when processing input\n\
                    [error] Conversion failed!";
        assert!(matches!(class(EXIT_1, said), Error::Failed { .. }));
    }

    #[test]
    fn an_input_without_a_whole_header_is_not_media() {
        let error = class(EXIT_1, "[error] file:/x/original.ogv: End of file");
        assert!(matches!(error, Error::InvalidData { .. }), "{error:?}");
        let error = class(EXIT_1, "[error] Error sending frames to consumers: End of file");
        assert!(matches!(error, Error::Failed { .. }), "{error:?}");
    }

    #[test]
    fn a_track_of_which_nothing_can_be_decoded_is_named() {
        let said = "[h264 @ 0x1] [error] non-existing PPS 0 referenced\n\
                    [error] Cannot determine format of input stream 0:0 after EOF\n\
                    [fatal] Error marking filters as finished";
        let Error::InvalidData { detail } = class(EXIT_1, said) else { panic!("{said}") };
        assert!(detail.starts_with("h264: non-existing PPS 0 referenced; "), "{detail}");
    }

    #[test]
    fn a_decoder_that_does_not_open_is_the_medias_fault() {
        for (said, named) in [
            ("", "stream 1 does not say what its decoder needs"),
            (
                "[pcm_s16le @ 0x1] [error] Too many channels: 65535\n",
                "pcm_s16le: Too many channels: 65535; stream 1 does not say what its decoder needs",
            ),
        ] {
            let said = format!("{said}[warning] Could not open codec for input stream 1");
            let Error::InvalidData { detail } = class(EXIT_1, &said) else { panic!("{said}") };
            assert_eq!(detail, named);
        }
    }

    #[test]
    fn a_codec_without_decoder_is_named() {
        let error = class(EXIT_1, include_str!("../testdata/unsupported.log"));
        assert!(matches!(error, Error::UnsupportedCodec { codec, .. } if codec == "none"));
    }
}
