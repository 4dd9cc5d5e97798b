//! What ffmpeg and ffprobe write to standard error, read line by line.
//!
//! The programs run with `-v repeat+level+error`, so a line is `[h264 @ 0x55…] [error] message`, with
//! the part before the level missing where ffmpeg itself speaks. Exit codes are not judged here.

use std::collections::{BTreeMap, VecDeque};

use crate::addresses::without_queries;

/// Bytes of the log that are kept, from its end.
const TAIL_MAX: usize = 64 << 10;
/// Error lines that are kept, from its beginning.
const ERROR_LINES_MAX: usize = 20;
/// Characters of one error line that are kept.
const LINE_CHARS_MAX: usize = 300;

/// Demuxers whose name is no decoder's. (`h264`, `aac` and `flv` are both: their errors count as
/// decode errors.)
const DEMUXERS: &[&str] = &[
    "matroska,webm",
    "mpegts",
    "mpeg",
    "avi",
    "asf",
    "live_flv",
    "nut",
    "mxf",
    "gxf",
    "wtv",
    "rm",
    "ogg",
    "w64",
    "aiff",
    "caf",
    "AVIOContext",
    "concat",
    "hls",
];
/// Beginnings of the names of filters, encoders, muxers and protocols.
const NOT_INPUT: &[&str] = &[
    "Parsed_", "auto_", "graph", "format", "out", "vost", "aost", "libx264", "libx265", "swscaler",
    "SWR", "mp4", "segment", "tee", "null", "framecrc", "image2", "file", "http", "https", "tcp",
    "tls",
];

/// Protocols that inputs are read by and outputs are not. What they report is no word on the media.
const CONNECTIONS: &[&str] = &["http", "https", "tcp", "tls"];

/// What ffmpeg says of each such picture (`check_decode_result` in `ffmpeg.c` up to 6, `ffmpeg_dec.c`
/// later).
const DAMAGED: &str = "corrupt decoded frame";

/// What ffprobe says before it ends because of a decoder (`open_input_file` in `ffprobe.c`).
const UNOPENED: &str = "Could not open codec for input stream ";
/// Decoders and streams that are counted apart.
const APART_MAX: usize = 64;

/// Where an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A decoder or a parser: pictures or sound are damaged or missing.
    Decode,
    /// The container's reader.
    Demux,
    /// Anything else: filters, encoders, files, ffmpeg's own summary.
    Other,
}

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Name of the part that speaks, such as `h264`; `None` for ffmpeg itself.
    pub context: Option<&'a str>,
    /// Level, such as `error`; `None` for the rest of a message of several lines.
    pub level: Option<&'a str>,
    /// What it says.
    pub message: &'a str,
}

impl<'a> Line<'a> {
    /// Splits a line; never fails, the message is then the whole line.
    pub fn parse(text: &'a str) -> Self {
        let mut line = Self { context: None, level: None, message: text };
        while let Some((tag, rest)) =
            line.message.strip_prefix('[').and_then(|rest| rest.split_once("] "))
        {
            match tag.split_once(" @ ") {
                Some((name, _)) => line.context = Some(name),
                None if is_level(tag) => line.level = Some(tag),
                None => break,
            }
            line.message = rest;
            if line.level.is_some() {
                break;
            }
        }
        line
    }

    /// True for `error` and worse.
    pub fn is_error(&self) -> bool {
        matches!(self.level, Some("error" | "fatal" | "panic"))
    }

    /// Who is to blame, as far as the line says.
    pub fn origin(&self) -> Origin {
        let Some(name) = self.context else {
            // ffmpeg's own line for a packet that a decoder refused repeats what the decoder said.
            return Origin::Other;
        };
        if name.starts_with("dec:") {
            return Origin::Decode;
        }
        if name.starts_with("mov,") || name.starts_with("in#") || DEMUXERS.contains(&name) {
            Origin::Demux
        } else if NOT_INPUT.iter().any(|start| name.starts_with(start)) {
            Origin::Other
        } else {
            Origin::Decode
        }
    }
}

fn is_level(tag: &str) -> bool {
    matches!(tag, "panic" | "fatal" | "error" | "warning" | "info" | "verbose" | "debug" | "trace")
}

/// `Picture size 640x360 exceeds specified max pixel count 230400, …` (libavutil/imgutils.c).
fn oversized(line: &Line<'_>) -> Option<String> {
    let (size, rest) = line.message.strip_prefix("Picture size ")?.split_once(' ')?;
    rest.starts_with("exceeds specified max pixel count").then(|| size.to_owned())
}

/// Something that a filter of ours prints into the log, as a number that nobody else prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// From this picture on, pictures are whole: their references were read.
    Whole = 770_001,
    /// Here begins what the run is for. What decoders complained of earlier came of the seek, or
    /// belongs to the run that is for those pictures.
    Begun = 770_002,
}

impl Mark {
    /// The number that stands for it.
    pub(crate) fn number(self) -> u32 {
        self as u32
    }

    /// The mark that a line holds; ffmpeg prints six decimals (libavutil/eval.c, `print`).
    fn of(line: Line<'_>) -> Option<Self> {
        let number = line.message.strip_suffix(".000000").filter(|_| line.context.is_none())?;
        [Self::Whole, Self::Begun].into_iter().find(|mark| number == mark.number().to_string())
    }
}

/// What came of a stream's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spoilt {
    /// Packets that the decoder refused.
    pub(crate) refused: u64,
    /// Pictures, or frames of sound, that were given out damaged.
    pub(crate) damaged: u64,
}

/// The stream that ffmpeg's own lines on decoding are about.
///
/// Up to 6 they say `Error while decoding stream #0:1: …` and `a.avi: corrupt decoded frame in stream 1`,
/// later `[aist#0:1/ac3 @ 0x…] [dec:ac3 @ 0x…] Error submitting packet to decoder: …`.
fn stream_of(text: &str) -> Option<u32> {
    let after = |mark| text.rsplit_once(mark).map(|(_, rest)| rest);
    let number = match after("ist#").or_else(|| after("decoding stream #")) {
        Some(pair) => pair.split_once(':')?.1,
        None => after("frame in stream ")?,
    };
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}

/// True where ffmpeg says that a decoder refused a packet.
fn is_refusal(message: &str) -> bool {
    ["Error while decoding stream", "Error submitting packet to decoder"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// What a whole log said, in bounded memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// A picture from which on all are whole was shown, where the run asked for that.
    pub(crate) whole: bool,
    /// Errors of decoders and parsers, without those of pictures that only lead in.
    pub decode_errors: u64,
    /// Pictures that a decoder gave out although parts of them are damaged or made up, without those
    /// that only lead in. ffmpeg says so at the level `warning`.
    pub damaged: u64,
    /// The same errors by the name of the decoder or parser, which is that of a codec, mostly.
    pub(crate) by_decoder: BTreeMap<String, u64>,
    /// Packets that a decoder refused, and pictures and sound that it gave out damaged, by stream.
    pub(crate) by_stream: BTreeMap<u32, Spoilt>,
    /// Errors of the container's reader.
    pub demux_errors: u64,
    /// The first error lines, at most 20, without addresses.
    pub error_lines: Vec<String>,
    /// The first error of a connection, such as an end before the announced one.
    pub lost: Option<String>,
    /// Size of the first picture that a decoder refused for its number of pixels, such as `640x360`.
    pub oversized: Option<String>,
    /// A stream whose decoder ffprobe could not open with what the file says of it. It says so at the
    /// level `warning`, and ends.
    pub(crate) unopened: Option<String>,
    tail: VecDeque<String>,
    tail_bytes: usize,
}

impl Log {
    /// Takes one line, without the queries of addresses in it.
    pub fn push(&mut self, text: &str) {
        let text = &*without_queries(text);
        let line = Line::parse(text);
        if let Some(mark) = Mark::of(line) {
            self.marked(mark);
            return;
        }
        if line.level == Some("warning") {
            if line.message.contains(DAMAGED) {
                self.damaged += 1;
                self.count(text, |spoilt| spoilt.damaged += 1);
            }
            if let Some(stream) = line.message.strip_prefix(UNOPENED) {
                self.unopened.get_or_insert_with(|| stream.trim().to_owned());
            }
            return;
        }
        if line.is_error() {
            if self.oversized.is_none() {
                self.oversized = oversized(&line);
            }
            if is_refusal(line.message) {
                self.count(text, |spoilt| spoilt.refused += 1);
            }
            match line.origin() {
                Origin::Decode => {
                    self.decode_errors += 1;
                    let name = line.context.unwrap_or_default();
                    let name = name.strip_prefix("dec:").unwrap_or(name);
                    if let Some(of) = apart(&mut self.by_decoder, name.to_owned()) {
                        *of += 1;
                    }
                }
                Origin::Demux => self.demux_errors += 1,
                Origin::Other => {}
            }
            if line.context.is_some_and(|name| CONNECTIONS.contains(&name)) {
                self.lost.get_or_insert_with(|| shown(line));
            }
            if self.error_lines.len() < ERROR_LINES_MAX {
                self.error_lines.push(shown(line));
            }
        }
        self.tail_bytes += text.len() + 1;
        self.tail.push_back(text.to_owned());
        while self.tail_bytes > TAIL_MAX {
            let Some(gone) = self.tail.pop_front() else { break };
            self.tail_bytes -= gone.len() + 1;
        }
    }

    fn count(&mut self, text: &str, change: impl FnOnce(&mut Spoilt)) {
        let stream = stream_of(text);
        if let Some(of) = stream.and_then(|stream| apart(&mut self.by_stream, stream)) {
            change(of);
        }
    }

    fn marked(&mut self, mark: Mark) {
        match mark {
            Mark::Whole => self.whole = true,
            Mark::Begun => {
                (self.decode_errors, self.damaged) = (0, 0);
                self.error_lines.clear();
            }
        }
    }

    /// The end of the log, at most 64 KiB, whole lines.
    pub fn tail(&self) -> String {
        let mut text = String::with_capacity(self.tail_bytes);
        for line in &self.tail {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The kept lines, the last first.
    pub(crate) fn lines_from_end(&self) -> impl Iterator<Item = Line<'_>> {
        self.tail.iter().rev().map(|line| Line::parse(line))
    }
}

/// The count of `key`, unless there are too many others.
fn apart<K: Ord, V: Default>(counts: &mut BTreeMap<K, V>, key: K) -> Option<&mut V> {
    let room = counts.len() < APART_MAX || counts.contains_key(&key);
    room.then(|| counts.entry(key).or_default())
}

fn shown(line: Line<'_>) -> String {
    let name = line.context.map_or_else(String::new, |name| format!("{name}: "));
    format!("{name}{}", line.message).chars().take(LINE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn check(recorded: &str, expected: &Expect) {
        let mut log = Log::default();
        recorded.lines().for_each(|line| log.push(line));
        let first = log.error_lines.first().map_or("", String::as_str);
        expected.assert_eq(&format!(
            "decode {}, demux {}, first: {first}",
            log.decode_errors, log.demux_errors
        ));
    }

    #[test]
    fn recorded_logs_are_counted() {
        check(
            include_str!("../testdata/bitflips.log"),
            &expect![
                "decode 11, demux 1, first: mov,mp4,m4a,3gp,3g2,mj2: Sample size 1073754063 is too large"
            ],
        );
        check(
            include_str!("../testdata/truncated.log"),
            &expect!["decode 4, demux 5, first: NULL: Invalid NAL unit size (1083 > 7)."],
        );
        check(
            include_str!("../testdata/dirty_ts.log"),
            &expect!["decode 15, demux 0, first: h264: non-existing PPS 0 referenced"],
        );
        check(
            include_str!("../testdata/text_renamed.log"),
            &expect!["decode 0, demux 1, first: mov,mp4,m4a,3gp,3g2,mj2: moov atom not found"],
        );
    }

    #[test]
    fn a_line_is_split() {
        let line = Line::parse("[mov,mp4,m4a,3gp,3g2,mj2 @ 0x5f] [error] stream 1: partial file");
        assert_eq!(line.context, Some("mov,mp4,m4a,3gp,3g2,mj2"));
        assert_eq!((line.level, line.message), (Some("error"), "stream 1: partial file"));
        let line = Line::parse("[vist#0:0/h264 @ 0x1] [dec:h264 @ 0x2] [error] Decoding error");
        assert_eq!((line.context, line.origin()), (Some("dec:h264"), Origin::Decode));
        let odd = Line::parse("[not a level] text");
        assert_eq!((odd.context, odd.level, odd.message), (None, None, "[not a level] text"));
    }

    #[test]
    fn warnings_and_other_parts_do_not_count() {
        let mut log = Log::default();
        log.push("[h264 @ 0x1] [warning] co located POCs unavailable");
        log.push("[libx264 @ 0x1] [error] broken ffmpeg default settings detected");
        log.push("[Parsed_scale_0 @ 0x1] [error] no");
        log.push("[error] Conversion failed!");
        assert_eq!((log.decode_errors, log.demux_errors, log.error_lines.len()), (0, 0, 3));
    }

    #[test]
    fn what_came_of_a_seek_does_not_count() {
        let mut log = Log::default();
        log.push("[hevc @ 0x1] [error] Could not find ref with POC 90");
        log.push("[error] 770001.000000");
        assert!(log.whole && log.decode_errors == 1);
        log.push("[error] 770002.000000");
        log.push("[hevc @ 0x1] [error] Skipping invalid undecodable NALU: 1");
        assert_eq!((log.decode_errors, log.error_lines.len()), (1, 1));
        let mut other = Log::default();
        other.push("[h264 @ 0x1] [error] 770001.000000");
        assert!(!other.whole && other.decode_errors == 1);
        other.push("[warning] file:/in/a.ts: corrupt decoded frame in stream 0");
        other.push("[vist#0:0/h264 @ 0x1] [warning] corrupt decoded frame");
        assert_eq!((other.damaged, log.damaged), (2, 0));
    }

    #[test]
    fn what_is_spoilt_is_counted_by_stream_and_decoder() {
        let mut log = Log::default();
        for line in [
            "[error] Error while decoding stream #0:1: Invalid data found when processing input",
            "[warning] file:/in/stream #9:9.avi: corrupt decoded frame in stream 1",
            "[aist#0:1/mp3 @ 0x1] [dec:mp3float @ 0x2] [error] Error submitting packet to decoder: No",
            "[vist#0:0/mpeg4 @ 0x1] [dec:mpeg4 @ 0x2] [warning] corrupt decoded frame",
            "[mp3float @ 0x3] [error] Header missing",
        ] {
            log.push(line);
        }
        let spoilt = |refused, damaged| Spoilt { refused, damaged };
        assert_eq!(log.by_stream, BTreeMap::from([(0, spoilt(0, 1)), (1, spoilt(2, 1))]));
        assert_eq!(log.by_decoder, BTreeMap::from([("mp3float".to_owned(), 2)]));
    }

    #[test]
    fn a_long_log_keeps_its_end_and_its_first_errors() {
        let mut log = Log::default();
        for i in 0..20_000 {
            log.push(&format!("[h264 @ 0x1] [error] number {i}"));
        }
        assert_eq!(log.decode_errors, 20_000);
        assert_eq!((log.error_lines.len(), log.error_lines[0].as_str()), (20, "h264: number 0"));
        let tail = log.tail();
        assert!(tail.len() <= TAIL_MAX && tail.ends_with("number 19999\n"));
    }

    const PIECES: &[&str] = &[
        "[error] ",
        "[warning] ",
        "[h264 @ 0x1] ",
        "[",
        "]",
        " @ ",
        ": ",
        "Last message repeated ",
        " times",
        "Picture size ",
        "640x360",
        " exceeds specified max pixel count ",
        "frame",
        "-1",
        "0x",
        "\r",
        "\0",
        "99999999999999999999",
        "Invalid data found when processing input",
        "stream #0:",
        "pts ",
    ];

    proptest! {
        #[test]
        fn hostile_lines_are_counted_in_bounded_memory(
            lines in vec(vec(prop_oneof![select(PIECES).prop_map(str::to_owned), ".{0,9}"], 0..12), 0..60),
            repeated in 1..200_usize,
        ) {
            let mut log = Log::default();
            for line in lines {
                let line = line.concat().repeat(repeated);
                let _ = (Line::parse(&line).is_error(), Line::parse(&line).origin());
                log.push(&line);
            }
            prop_assert!(log.tail().len() <= 2 * TAIL_MAX);
            prop_assert!(log.error_lines.len() <= ERROR_LINES_MAX);
            let chars = |line: &String| line.chars().count() <= LINE_CHARS_MAX + 64;
            prop_assert!(log.error_lines.iter().all(chars));
            let _ = log.lines_from_end().count();
        }
    }
}
