//! Audio tags.

use super::{Malformed, Skip, array, enhanced};
use bytes::Bytes;

/// Codecs of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC without ADTS headers, configured by an `AudioSpecificConfig`.
    Aac,
    /// MP3, one frame a tag, without a configuration.
    Mp3,
    /// G.711 A-law, 8 kHz, without a configuration.
    G711ALaw,
    /// G.711 µ-law, 8 kHz, without a configuration.
    G711MuLaw,
    /// Opus, configured by an ID header (RFC 7845, 5.1).
    Opus,
    /// FLAC, configured by `fLaC` and the STREAMINFO block.
    Flac,
    /// AC-3 sync frames, without a configuration.
    Ac3,
    /// E-AC-3 sync frames, without a configuration.
    Eac3,
}

/// What an audio tag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audio {
    /// The codec's configuration.
    Configuration {
        /// The codec.
        codec: AudioCodec,
        /// Its configuration record.
        record: Bytes,
    },
    /// A frame.
    Frame(AudioFrame),
    /// No frame follows before the next configuration.
    SequenceEnd,
}

/// One coded piece of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    /// The codec.
    pub codec: AudioCodec,
    /// Channels by the tag, 1 or 2. Only G.711 needs them: the other codecs say it themselves, and
    /// enhanced tags say nothing, which is 2 here.
    pub channels: u8,
    /// Nanoseconds to add to the time stamp.
    pub offset_ns: u32,
    /// The frame as the codec frames it.
    pub data: Bytes,
}

const EX_HEADER: u8 = 9;
const MULTICHANNEL_CONFIG: u8 = 4;
const MULTITRACK: u8 = 5;

/// Reads an audio tag. `track` is the track taken so far.
pub(crate) fn read(mut bytes: Bytes, track: &mut Option<u8>) -> Result<Audio, Skip> {
    let [first] = array(&mut bytes)?;
    if first >> 4 != EX_HEADER {
        super::on_track_0(track)?;
        return classic(first, bytes);
    }
    let modified = enhanced::modifiers(first & 0x0f, &mut bytes)?;
    let packet = enhanced::packet(modified, MULTITRACK, bytes, track)?;
    if packet.kind == MULTICHANNEL_CONFIG {
        return Err(Skip::Unneeded);
    }
    let codec = match &packet.fourcc {
        b"mp4a" => AudioCodec::Aac,
        b".mp3" => AudioCodec::Mp3,
        b"Opus" => AudioCodec::Opus,
        b"fLaC" => AudioCodec::Flac,
        b"ac-3" => AudioCodec::Ac3,
        b"ec-3" => AudioCodec::Eac3,
        _ => return Err(Skip::Unsupported("of an unknown audio FourCC")),
    };
    match packet.kind {
        enhanced::SEQUENCE_START => Ok(Audio::Configuration { codec, record: packet.body }),
        enhanced::CODED_FRAMES => Ok(Audio::Frame(AudioFrame {
            codec,
            channels: 2,
            offset_ns: packet.offset_ns,
            data: packet.body,
        })),
        enhanced::SEQUENCE_END => Ok(Audio::SequenceEnd),
        other => Err(Malformed::PacketType(other).into()),
    }
}

/// The tag of FLV 10.1, E.4.2.
fn classic(first: u8, mut bytes: Bytes) -> Result<Audio, Skip> {
    let codec = match first >> 4 {
        10 => AudioCodec::Aac,
        2 | 14 => AudioCodec::Mp3,
        7 => AudioCodec::G711ALaw,
        8 => AudioCodec::G711MuLaw,
        0 | 3 => return Err(Skip::Unsupported("PCM")),
        1 => return Err(Skip::Unsupported("ADPCM")),
        4..=6 => return Err(Skip::Unsupported("Nellymoser")),
        11 => return Err(Skip::Unsupported("Speex")),
        _ => return Err(Skip::Unsupported("of an unknown audio tag")),
    };
    if codec == AudioCodec::Aac {
        match array(&mut bytes)? {
            [0] => return Ok(Audio::Configuration { codec, record: bytes }),
            [1] => {}
            [other] => return Err(Malformed::PacketType(other).into()),
        }
    }
    Ok(Audio::Frame(AudioFrame { codec, channels: (first & 1) + 1, offset_ns: 0, data: bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(bytes: &'static [u8]) -> Result<Audio, Skip> {
        read(Bytes::from_static(bytes), &mut None)
    }

    fn frame(codec: AudioCodec, channels: u8, data: &'static [u8]) -> Audio {
        let data = Bytes::from_static(data);
        Audio::Frame(AudioFrame { codec, channels, offset_ns: 0, data })
    }

    #[test]
    fn classic_and_enhanced_tags_give_the_same() {
        let record = Bytes::from_static(b"\x12\x10");
        let configuration = Audio::Configuration { codec: AudioCodec::Aac, record };
        assert_eq!(tag(b"\xaf\x00\x12\x10"), Ok(configuration.clone()));
        assert_eq!(tag(b"\x90mp4a\x12\x10"), Ok(configuration));
        assert_eq!(tag(b"\xaf\x01raw"), Ok(frame(AudioCodec::Aac, 2, b"raw")));
        assert_eq!(tag(b"\x91mp4araw"), Ok(frame(AudioCodec::Aac, 2, b"raw")));
        assert_eq!(tag(b"\x72raw"), Ok(frame(AudioCodec::G711ALaw, 1, b"raw")));
        assert_eq!(tag(b"\x95\x01Opus\x00raw"), Ok(frame(AudioCodec::Opus, 2, b"raw")));
        assert_eq!(tag(b"\x94Opus\x01\x02\x00\x00\x00\x03"), Err(Skip::Unneeded));
    }

    #[test]
    fn unsupported_codecs_have_names() {
        assert_eq!(tag(b"\xb2"), Err(Skip::Unsupported("Speex")));
        assert_eq!(tag(b"\xaf"), Err(Malformed::Truncated.into()));
        assert_eq!(tag(b""), Err(Malformed::Truncated.into()));
    }
}
