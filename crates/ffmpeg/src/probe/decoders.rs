//! Which audio tracks this ffmpeg cannot decode, or would decode to noise.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use media::source::AudioFacts;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::header::Stream;
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
const MOVIE_MAX: u64 = 64 << 20;

/// Writes down the codec of every track that cannot be decoded.
pub(super) async fn mark(
    tools: &Tools,
    input: &Input,
    streams: &[&Stream],
    tracks: &mut [AudioFacts],
) -> Result<(), Error> {
    let (mut list, mut pcm) = (None, None::<std::vec::IntoIter<String>>);
    for (stream, track) in streams.iter().zip(tracks) {
        let codec = stream.codec_or_tag();
        if stream.codec_tag_string == PCM_TAG {
            let real = match &mut pcm {
                Some(real) => real,
                none => none.insert(pcm_codecs(input).await?.into_iter()),
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

/// What the `pcmC` boxes of a file say, in order, as ffmpeg names such codecs: `pcm_s24le`. Empty
/// where the file is not at hand.
async fn pcm_codecs(input: &Input) -> Result<Vec<String>, Error> {
    let Input::Path(path) = input else { return Ok(Vec::new()) };
    let failed = Error::io("read the header of a file");
    let movie = movie_box(path).await.map_err(failed)?;
    let boxes = movie.windows(10).filter(|it| it.starts_with(b"pcmC"));
    Ok(boxes.map(|it| pcm_codec(it[8], it[9])).collect())
}

/// Flags and sample size of a `pcmC` box (ISO/IEC 23003-5, 5.1): integers, little endian when bit 0
/// is set.
fn pcm_codec(flags: u8, bits: u8) -> String {
    let order = if flags & 1 == 1 { "le" } else { "be" };
    format!("pcm_s{bits}{order}")
}

/// The `moov` box of a file, as far as it is of a reasonable size; empty without one.
async fn movie_box(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = fs_err::tokio::File::open(path).await?;
    let mut at = 0;
    loop {
        let mut header = [0; 16];
        file.seek(SeekFrom::Start(at)).await?;
        if file.read_exact(&mut header).await.is_err() {
            return Ok(Vec::new());
        }
        let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = header;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            1 => u64::from_be_bytes(*header.last_chunk::<8>().expect("16 bytes have 8")),
            size => u64::from(size),
        };
        if &kind == b"moov" {
            let mut movie = Vec::new();
            file.take(size.min(MOVIE_MAX)).read_to_end(&mut movie).await?;
            return Ok(movie);
        }
        if size < 8 {
            return Ok(Vec::new());
        }
        at = at.saturating_add(size);
    }
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
