//! What an initialisation segment says about its one track.

use mp4_atom::{Codec, Decode, FourCC, Moov, Trak};

use super::{Error, boxes};
use crate::codecs::{self, Unsupported};

/// Facts of an initialisation segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// Ticks per second of the track.
    pub timescale: u32,
    /// Picture or sound.
    pub track: Track,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Presentation time shown at zero, in ticks: the edit list's, 0 without one.
    pub start: u64,
    /// What fragments leave out.
    pub defaults: Defaults,
}

/// The kind of a track, with what only that kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Pictures.
    Video {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Sound.
    Audio {
        /// Number of channels.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
    },
}

/// Values of samples whose fragment does not give them (the `trex` box).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Duration in ticks.
    pub duration: u32,
    /// Size in bytes.
    pub size: u32,
    /// Sample flags of ISO/IEC 14496-12, 8.8.3.1.
    pub flags: u32,
}

impl Init {
    /// Reads `ftyp` and `moov`; what follows them is ignored.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let place = boxes::child(bytes, 0..bytes.len(), "moov")?;
        let moov = Moov::decode(&mut &bytes[place.whole()])
            .map_err(|source| Error::Unreadable { kind: "moov", source })?;
        let [trak] = moov.trak.as_slice() else {
            return Err(Error::Tracks(moov.trak.len()));
        };
        let [entry] = trak.mdia.minf.stbl.stsd.codecs.as_slice() else {
            return Err(Error::Missing("stsd entry"));
        };
        let trex = moov.mvex.iter().flat_map(|mvex| &mvex.trex);
        let trex = trex
            .into_iter()
            .find(|trex| trex.track_id == trak.tkhd.track_id)
            .ok_or(Error::Missing("trex"))?;
        Ok(Self {
            timescale: trak.mdia.mdhd.timescale,
            track: track(entry, trak.mdia.hdlr.handler)?,
            codec: codecs::rfc6381(entry)?,
            start: start(trak),
            defaults: Defaults {
                duration: trex.default_sample_duration,
                size: trex.default_sample_size,
                flags: trex.default_sample_flags,
            },
        })
    }
}

/// Media time of the first edit that shows media; empty edits are passed over.
fn start(trak: &Trak) -> u64 {
    let elst = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref());
    elst.and_then(|elst| elst.entries.iter().find_map(|edit| edit.media_time)).unwrap_or(0)
}

fn track(entry: &Codec, handler: FourCC) -> Result<Track, Error> {
    match entry {
        Codec::Avc1(avc) => Ok(Track::Video {
            width: u32::from(avc.visual.width),
            height: u32::from(avc.visual.height),
        }),
        Codec::Mp4a(aac) => Ok(Track::Audio {
            channels: u32::from(aac.audio.channel_count),
            sample_rate: u32::from(aac.audio.sample_rate.integer()),
        }),
        other => {
            Err(codecs::rfc6381(other).err().unwrap_or(Unsupported(handler.to_string())).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testdata, *};

    #[test]
    fn a_chunk_says_what_it_is() {
        let init = Init::parse(testdata::VIDEO).unwrap();
        let expected = Init {
            timescale: 12_800,
            track: Track::Video { width: 64, height: 36 },
            codec: "avc1.64000a".to_owned(),
            start: 0,
            defaults: Defaults::default(),
        };
        assert_eq!(init, expected);
    }

    #[test]
    fn an_edit_list_and_metadata_are_no_obstacle() {
        let init = Init::parse(testdata::AUDIO_INIT).unwrap();
        assert_eq!(init.track, Track::Audio { channels: 2, sample_rate: 48_000 });
        assert_eq!((init.timescale, init.codec.as_str()), (48_000, "mp4a.40.2"));
    }

    #[test]
    fn damage_is_named() {
        let refused = |bytes: &[u8]| Init::parse(bytes).unwrap_err().to_string();
        assert_eq!(refused(testdata::AUDIO[0]), "there is no `moov` box");
        assert_eq!(
            refused(&testdata::VIDEO[..700]),
            "the box at byte 28 ends beyond the 700 bytes there are"
        );
        let renamed = |from: &[u8], to: &[u8]| {
            let at = testdata::VIDEO.windows(4).position(|four| four == from).unwrap();
            let mut bytes = testdata::VIDEO.to_vec();
            bytes[at..at + 4].copy_from_slice(to);
            bytes
        };
        assert_eq!(refused(&renamed(b"trak", b"free")), "0 tracks where one is expected");
        assert_eq!(refused(&renamed(b"mvex", b"free")), "there is no `trex` box");
        assert_eq!(refused(&renamed(b"mdhd", b"free")), "the `moov` box cannot be read");
        assert_eq!(refused(&renamed(b"avc1", b"zzzz")), "the track cannot be described");
    }
}
