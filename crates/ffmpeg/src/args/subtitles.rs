//! Every text track, decoded to ASS events: one file with the bytes of all events, one with the
//! time and size of each.
//!
//! The subtitle muxers of ffmpeg 5.1 do not do: `webvtt` and `srt` show ASS drawings as text, `ass`
//! rounds to hundredths of a second and ends at ten hours.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use media::subtitles::Event;

use super::Args;
use crate::input::{Input, input_args};

/// Bytes of text taken from one track at most, and from all together; more is no subtitle. Packed
/// tracks hold a thousand times what they take in the file.
const TRACK_BYTES_MAX: usize = 32 << 20;
const TRACKS_BYTES_MAX: usize = 128 << 20;
/// Longest time a text may be shown, in microseconds. ffmpeg writes a longer one where the file
/// gives none.
const DURATION_MAX_US: i64 = 24 * 3600 * 1_000_000;

/// The two files of one track.
#[derive(Clone, Debug)]
pub(crate) struct TrackFiles {
    /// The texts, one after the other.
    pub(crate) texts: PathBuf,
    /// When each is shown, and how many bytes it has.
    pub(crate) times: PathBuf,
}

impl TrackFiles {
    /// Files of track `at` below a folder.
    pub(crate) fn new(dir: &Path, at: usize) -> Self {
        let file = |extension: &str| dir.join(format!("track-{at}.{extension}"));
        Self { texts: file("ass"), times: file("crc") }
    }
}

/// Arguments that decode the tracks with these stream indexes, each into its files. Bytes that are
/// no UTF-8 are passed on: a decoder that minds them would drop the whole text.
pub(crate) fn subtitles(input: &Input, tracks: &[(u32, TrackFiles)]) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-threads 1").source_stamps();
    args.words("-sub_charenc_mode ignore -vn -an -dn").extend(input_args(input));
    let each = TRACK_BYTES_MAX.min(TRACKS_BYTES_MAX / tracks.len().max(1)).to_string();
    for (stream, files) in tracks {
        for (format, file) in [("data", &files.texts), ("framecrc", &files.times)] {
            args.pair("-map", format!("0:{stream}")).words("-c:s ass");
            args.pair("-fs", &each).pair("-f", format).output(file);
        }
    }
    args.0
}

/// Reads the files of one track.
pub(crate) fn events(times: &str, texts: &[u8]) -> Vec<Event> {
    let mut rest = texts;
    let lines = times.lines().filter(|line| !line.starts_with('#'));
    let event = |line: &str| {
        let mut fields = line.split(',').skip(2).map(|field| field.trim().parse::<i64>());
        let (start_us, duration) = (fields.next()?.ok()?, fields.next()?.ok()?);
        let size = usize::try_from(fields.next()?.ok()?).ok()?;
        let (text, after) = rest.split_at_checked(size)?;
        rest = after;
        Some(Event {
            start_us,
            duration_us: Some(duration).filter(|us| (1..DURATION_MAX_US).contains(us)),
            ass: String::from_utf8_lossy(text).into_owned(),
        })
    };
    lines.map_while(event).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::args::joined;

    #[test]
    fn two_tracks_from_one_reading() {
        let tracks =
            [2, 5].map(|stream| (stream, TrackFiles::new(Path::new("/out"), stream as usize)));
        expect![[r"
            -threads 1
            -copyts
            -itsoffset 0.000001
            -sub_charenc_mode ignore
            -vn
            -an
            -dn
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mkv
            -map 0:2
            -c:s ass
            -fs 33554432
            -f data /out/track-2.ass
            -map 0:2
            -c:s ass
            -fs 33554432
            -f framecrc /out/track-2.crc
            -map 0:5
            -c:s ass
            -fs 33554432
            -f data /out/track-5.ass
            -map 0:5
            -c:s ass
            -fs 33554432
            -f framecrc /out/track-5.crc
        "]].assert_eq(&joined(&subtitles(&Input::Path("/in/a.mkv".into()), &tracks)));
    }

    #[test]
    fn texts_are_told_apart_by_their_sizes() {
        let times = "#tb 0: 1/1000000\n#codec_id 0: ass\n\
            0,    1234000,    1234000,  2222000,        3, 0x1fac1d75\n\
            0,   -2000000,   -2000000,        0,        2, 0x5ad00ead\n\
            0,    6000000,    6000000,  4294967295000,  4, 0x514d06cb\n\
            0,    7000000,    7000000,  1000000,        9, 0x514d06cb\n";
        let event =
            |start_us, duration_us, ass: &str| Event { start_us, duration_us, ass: ass.to_owned() };
        assert_eq!(
            events(times, b"one\xfftfour cut"),
            [
                event(1_234_000, Some(2_222_000), "one"),
                event(-2_000_000, None, "\u{fffd}t"),
                event(6_000_000, None, "four"),
            ]
        );
    }
}
