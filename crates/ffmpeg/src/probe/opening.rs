//! The header of a source, looked for as far into the file as its streams begin.
//!
//! ffmpeg believes after five seconds, or five megabytes, that it knows all streams. In containers
//! without a list of them, what begins later is not there for it, and what is listed is never described.

use std::time::Duration;

use media::transport::Programmes;

use super::bytes;
use super::header::{Header, Stream};
use crate::failure::judge_output;
use crate::input::input_args;
use crate::{Error, Input, Tools};

/// Longest a look at the header may take; it reads at most a few megabytes, or [`DEPTH_MAX`].
const TIMEOUT: Duration = Duration::from_mins(1);
/// Bytes in which the beginning of a stream is looked for at most; ffmpeg holds them in memory.
const DEPTH_MAX: u64 = 256 << 20;
/// Bytes behind the beginning of a stream that describe it: a few pictures.
const BEHIND: u64 = 4 << 20;
/// Where nothing tells where streams begin.
const DEPTHS: [u64; 3] = [16 << 20, 64 << 20, DEPTH_MAX];
/// Containers whose streams are known when their first packet is read (`AVFMTCTX_NOHEADER`).
const UNLISTED: [&str; 3] = ["mpeg", "flv", "live_flv"];
/// Codecs by their extended names in FLV, and by ffmpeg's.
const EXTENDED: [(&[u8; 4], &str); 5] =
    [(b"hvc1", "hevc"), (b"av01", "av1"), (b"vp09", "vp9"), (b"vp08", "vp8"), (b"avc1", "h264")];

/// A source that was opened.
pub(super) struct Opened {
    pub(super) header: Header,
    /// What is to be opened instead, so that all streams are found.
    pub(super) input: Input,
    /// What the tables of a transport stream say.
    pub(super) tables: Option<Programmes>,
    /// Bytes that have to be looked at before all streams are known, where that is more than usual.
    pub(super) depth: u64,
    /// Streams that begin too late in the file.
    pub(super) unread: u64,
}

/// Opens a source.
pub(super) async fn open(tools: &Tools, input: &Input) -> Result<Opened, Error> {
    let header = read(tools, input, false).await?;
    let tables = match header.format.name.as_str() {
        "mpegts" => Some(bytes::programmes(tools, input).await?),
        "flv" | "live_flv" => {
            refuse_misread(tools, input, &header).await?;
            None
        }
        _ => None,
    };
    if tables.as_ref().is_some_and(Programmes::is_scrambled) {
        return Err(Error::Encrypted);
    }
    let (steps, unread) = depths(&header, tables.as_ref());
    let mut opened = Opened { header, input: input.clone(), tables, depth: 0, unread };
    for depth in steps {
        let deep = Input::Deep(Box::new(input.clone()), depth);
        let header = read(tools, &deep, true).await?;
        if known(&header) > known(&opened.header) {
            (opened.header, opened.input, opened.depth) = (header, deep, depth);
        }
        let whole = opened.header.format.size.is_some_and(|size| size <= depth);
        if whole || depths(&opened.header, opened.tables.as_ref()).0.is_empty() {
            break;
        }
    }
    Ok(opened)
}

/// How far to look, in steps, and how many streams begin beyond that.
fn depths(header: &Header, tables: Option<&Programmes>) -> (Vec<u64>, u64) {
    let Some(tables) = tables else {
        let unlisted = header.format.name.split(',').any(|name| UNLISTED.contains(&name));
        return (if unlisted && lacks(header) { DEPTHS.to_vec() } else { Vec::new() }, 0);
    };
    let known = |pid: u16| header.streams.iter().any(|it| it.pid() == Some(pid) && it.is_known());
    // What follows a change is read by itself.
    let end = tables.first_change().unwrap_or(u64::MAX);
    let begins = tables.begins().filter(|&(pid, begin)| begin < end && !known(pid));
    let (near, far): (Vec<u64>, Vec<u64>) =
        begins.map(|(_, begin)| begin + BEHIND).partition(|&depth| depth <= DEPTH_MAX);
    // What is not described by its first bytes may be by the end of the file: a picture is whole when
    // another one follows.
    let steps = near.into_iter().max().into_iter().flat_map(|near| [near, DEPTH_MAX]);
    (steps.collect(), far.len() as u64)
}

/// True when a stream is not described, or there is no picture, or no sound.
fn lacks(header: &Header) -> bool {
    let of = |audio: bool| {
        let kind = move |it: &&Stream| it.codec_type == if audio { "audio" } else { "video" };
        header.streams.iter().filter(kind)
    };
    [true, false]
        .into_iter()
        .any(|audio| of(audio).count() == 0 || !of(audio).all(Stream::is_known))
}

fn known(header: &Header) -> usize {
    header.streams.iter().filter(|stream| stream.is_known()).count()
}

/// Names the codec of pictures that this ffmpeg takes for another.
async fn refuse_misread(tools: &Tools, input: &Input, header: &Header) -> Result<(), Error> {
    let Some(name) = bytes::extended_codec(tools, input).await? else { return Ok(()) };
    let meant = EXTENDED.iter().find(|(extended, _)| **extended == name).map(|(_, codec)| *codec);
    let mut read = header.streams.iter().filter(|it| it.is_picture());
    if meant.is_some() && read.any(|it| it.codec_name.as_deref() == meant) {
        return Ok(());
    }
    let name = String::from_utf8_lossy(&name).into_owned();
    let codec = meant.map_or_else(|| name.clone(), |meant| format!("{meant} ({name} in FLV)"));
    Err(Error::UnsupportedCodec { kind: "video", codec })
}

/// Reads the header. What is read in order to `look` is not kept in memory.
pub(super) async fn read(tools: &Tools, input: &Input, look: bool) -> Result<Header, Error> {
    let command = tools
        .ffprobe()
        // Which decoder it could not open is a warning, although it ends then.
        .args(["-v", "repeat+level+warning", "-of", "json"])
        .args(["-show_format", "-show_streams", "-show_chapters", "-show_programs"])
        .args(if look { &["-fflags", "nobuffer"][..] } else { &[] })
        .args(input_args(input));
    let program = tools.ffprobe.display().to_string();
    let output = command.output(TIMEOUT).await?;
    judge_output(&program, &output)?;
    if output.truncated {
        return Err(Error::HeaderTooLarge);
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::Parse { program, detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(streams: &serde_json::Value) -> Header {
        let format = serde_json::json!({"format_name": "flv"});
        serde_json::from_value(serde_json::json!({"format": format, "streams": streams})).unwrap()
    }

    #[test]
    fn what_is_listed_without_being_described_is_looked_for() {
        let picture = serde_json::json!({"codec_type": "video", "codec_name": "h264", "width": 2, "height": 2});
        let sound = |channels: u32| serde_json::json!({"codec_type": "audio", "codec_name": "aac", "channels": channels});
        let depths = |streams: serde_json::Value| depths(&header(&streams), None).0.len();
        assert_eq!(depths(serde_json::json!([picture, sound(2)])), 0);
        assert_eq!(depths(serde_json::json!([picture, sound(0)])), 3);
        assert_eq!(depths(serde_json::json!([sound(1)])), 3);
    }
}
