//! Which audio tracks this ffmpeg cannot decode, or would decode to noise.

use std::ops::Range;
use std::time::Duration;

use media::source::AudioFacts;

use super::header::Stream;
use crate::child::STDOUT_MAX;
use crate::failure::judge_output;
use crate::input::byte_args;
use crate::{Error, Input, Tools};

/// Longest wait for the list of codecs.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Codecs that no build of ffmpeg lacks; the list is asked for others only.
const KNOWN: [&str; 12] = [
    "aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus", "truehd", "vorbis",
    "wavpack",
];
/// Plain integers in ISO files (ISO/IEC 23003-5). How many bits they have and in which order stands in
/// a box that ffmpeg does not read before 6.1: it takes all of them for 16 bits, little endian.
const PCM_TAG: &str = "ipcm";
/// Bytes of a file's index that are looked at.
const MOVIE_MAX: u64 = STDOUT_MAX as u64;
/// Boxes that are passed on the way to it: it is among the first, or behind the media.
const BOXES_MAX: usize = 64;
/// Bytes of a box's header with a large size.
const HEADER: u64 = 16;
/// Longest wait for the index: half a megabyte a second.
const BYTES_TIMEOUT: Duration = Duration::from_mins(2);

/// Writes down the codec of every track that cannot be decoded; the file has `size` bytes.
pub(super) async fn mark(
    tools: &Tools,
    input: &Input,
    size: u64,
    streams: &[&Stream],
    tracks: &mut [AudioFacts],
) -> Result<(), Error> {
    let (mut list, mut pcm) = (None, None::<std::vec::IntoIter<String>>);
    for (stream, track) in streams.iter().zip(tracks) {
        let codec = stream.codec_or_tag();
        if stream.codec_tag_string == PCM_TAG {
            let real = match &mut pcm {
                Some(real) => real,
                none => none.insert(pcm_codecs(tools, input, size).await?.into_iter()),
            }
            .next();
            track.undecodable = match real {
                Some(real) if real == codec => None,
                Some(real) => Some(format!("{PCM_TAG} ({real})")),
                // ffmpeg that reads the box never needs the default; the default may be right.
                None => (codec == "pcm_s16le").then(|| PCM_TAG.to_owned()),
            };
        } else if !KNOWN.contains(&codec.as_str()) && !codec.starts_with("pcm_") {
            if list.is_none() {
                list = Some(codecs(tools).await?);
            }
            let decoded = list.as_deref().is_some_and(|list| decodes(list, &codec));
            track.undecodable = (!decoded).then_some(codec);
        }
    }
    Ok(())
}

/// True for the name of a codec that only an old ffmpeg does not decode.
pub(super) fn is_misread(codec: &str) -> bool {
    codec.starts_with(PCM_TAG)
}

async fn codecs(tools: &Tools) -> Result<String, Error> {
    let command = tools.ours().args(["-hide_banner", "-codecs"]);
    let output = command.output(TIMEOUT).await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads ` DEA.L. aac  AAC (Advanced Audio Coding)`: the first flag says that it is decoded.
fn decodes(list: &str, codec: &str) -> bool {
    list.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().is_some_and(|flags| flags.starts_with('D')) && words.next() == Some(codec)
    })
}

/// What the `pcmC` boxes of a file say, in order, as ffmpeg names such codecs: `pcm_s24le`.
async fn pcm_codecs(tools: &Tools, input: &Input, size: u64) -> Result<Vec<String>, Error> {
    let movie = movie_box(tools, input, size).await?;
    let boxes = movie.windows(10).filter(|it| it.starts_with(b"pcmC"));
    Ok(boxes.map(|it| pcm_codec(it[8], it[9])).collect())
}

/// Flags and sample size of a `pcmC` box (ISO/IEC 23003-5, 5.1): integers, little endian when bit 0
/// is set.
fn pcm_codec(flags: u8, bits: u8) -> String {
    let order = if flags & 1 == 1 { "le" } else { "be" };
    format!("pcm_s{bits}{order}")
}

/// The `moov` box of an input of `size` bytes, as far as it is of a reasonable size; empty without one.
async fn movie_box(tools: &Tools, input: &Input, size: u64) -> Result<Vec<u8>, Error> {
    let mut at = 0;
    for _ in 0..BOXES_MAX {
        if size.saturating_sub(at) < HEADER {
            break;
        }
        let header = bytes(tools, input, at..at + HEADER).await?;
        let Some([a, b, c, d, kind @ .., _, _, _, _, _, _, _, _]) = header.as_array::<16>() else {
            break;
        };
        let length = match u32::from_be_bytes([*a, *b, *c, *d]) {
            0 => size - at,
            1 => header.last_chunk().map_or(0, |large| u64::from_be_bytes(*large)),
            length => u64::from(length),
        };
        let end = at.saturating_add(length).min(size);
        if kind == b"moov" {
            return bytes(tools, input, at..end.min(at + MOVIE_MAX)).await;
        }
        if length < 8 {
            break;
        }
        at = end;
    }
    Ok(Vec::new())
}

/// Bytes of an input, wherever it lies: ffmpeg reads them as it will read the whole.
async fn bytes(tools: &Tools, input: &Input, range: Range<u64>) -> Result<Vec<u8>, Error> {
    let part = Input::Part(Box::new(input.clone()), range);
    let command = tools
        .ffmpeg()
        .args(["-hide_banner", "-nostdin", "-nostats", "-v", "repeat+level+error"])
        .args(byte_args(&part))
        .args(["-map", "0", "-c", "copy", "-f", "data", "pipe:1"]);
    let output = command.output(BYTES_TIMEOUT).await?;
    judge_output(&tools.ffmpeg.display().to_string(), &output)?;
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_flag_says_that_it_is_decoded() {
        let list =
            " D..... = Decoding supported\n DEA.L. aac      AAC\n ..A.L. mpegh_3d_audio   MPEG-H\n";
        assert_eq!(
            (pcm_codec(1, 24).as_str(), pcm_codec(0, 16).as_str()),
            ("pcm_s24le", "pcm_s16be")
        );
        assert!(decodes(list, "aac") && !decodes(list, "mpegh_3d_audio") && !decodes(list, "ac-4"));
    }
}
