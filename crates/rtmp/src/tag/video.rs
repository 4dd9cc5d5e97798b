//! Video tags.

use super::{Malformed, Skip, array, enhanced};
use bytes::Bytes;

/// Codecs of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264; units with lengths, configured by an `AVCDecoderConfigurationRecord`.
    H264,
    /// HEVC; units with lengths, configured by an `HEVCDecoderConfigurationRecord`.
    Hevc,
    /// AV1; OBUs, configured by an `AV1CodecConfigurationRecord`.
    Av1,
    /// VP9; frames, configured by a `VPCodecConfigurationRecord`.
    Vp9,
}

/// What a video tag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Video {
    /// The codec's configuration, as it stands in MP4.
    Configuration {
        /// The codec.
        codec: VideoCodec,
        /// Its configuration record.
        record: Bytes,
    },
    /// A frame.
    Frame(VideoFrame),
    /// No frame follows before the next configuration.
    SequenceEnd,
}

/// One coded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFrame {
    /// The codec.
    pub codec: VideoCodec,
    /// Decoding can begin here.
    pub is_key: bool,
    /// Presentation time minus decode time, in milliseconds.
    pub composition_ms: i32,
    /// Nanoseconds to add to the presentation time.
    pub offset_ns: u32,
    /// The frame as the codec frames it.
    pub data: Bytes,
}

/// Frame types (FLV 10.1, E.4.3.1).
const KEY: u8 = 1;
const COMMAND: u8 = 5;
/// Packet types of enhanced video that audio does not have.
const CODED_FRAMES_X: u8 = 3;
const METADATA: u8 = 4;
const MPEG2TS_SEQUENCE_START: u8 = 5;
const MULTITRACK: u8 = 6;

/// Reads a video tag. `track` is the track taken so far.
pub(crate) fn read(mut bytes: Bytes, track: &mut Option<u8>) -> Result<Video, Skip> {
    let [first] = array(&mut bytes)?;
    if first & 0x80 == 0 {
        super::on_track_0(track)?;
        return classic(first, bytes);
    }
    let is_key = (first >> 4) & 0x07 == KEY;
    let modified = enhanced::modifiers(first & 0x0f, &mut bytes)?;
    if (first >> 4) & 0x07 == COMMAND && modified.0 != METADATA {
        return Err(Skip::Unneeded);
    }
    let packet = enhanced::packet(modified, MULTITRACK, bytes, track)?;
    if matches!(packet.kind, METADATA | MPEG2TS_SEQUENCE_START) {
        return Err(Skip::Unneeded);
    }
    let codec = codec(packet.fourcc)?;
    let mut data = packet.body;
    let composition_ms = match (packet.kind, codec) {
        (enhanced::SEQUENCE_START, _) => return Ok(Video::Configuration { codec, record: data }),
        (enhanced::SEQUENCE_END, _) => return Ok(Video::SequenceEnd),
        (enhanced::CODED_FRAMES, VideoCodec::H264 | VideoCodec::Hevc) => signed(array(&mut data)?),
        (enhanced::CODED_FRAMES | CODED_FRAMES_X, _) => 0,
        (other, _) => return Err(Malformed::PacketType(other).into()),
    };
    Ok(Video::Frame(VideoFrame {
        codec,
        is_key,
        composition_ms,
        offset_ns: packet.offset_ns,
        data,
    }))
}

/// The tag of FLV 10.1, E.4.3. Of its codecs only H.264 is in use.
fn classic(first: u8, mut bytes: Bytes) -> Result<Video, Skip> {
    if first >> 4 == COMMAND {
        return Err(Skip::Unneeded);
    }
    let codec = match first & 0x0f {
        7 => VideoCodec::H264,
        2 => return Err(Skip::Unsupported("Sorenson H.263")),
        3 | 6 => return Err(Skip::Unsupported("Screen Video")),
        4 | 5 => return Err(Skip::Unsupported("VP6")),
        // Sent by some encoders without a specification; `hvc1` in enhanced RTMP is specified.
        12 => return Err(Skip::Unsupported("HEVC in classic FLV")),
        _ => return Err(Skip::Unsupported("of an unknown video tag")),
    };
    let [packet_type] = array(&mut bytes)?;
    let composition_ms = signed(array(&mut bytes)?);
    match packet_type {
        0 => Ok(Video::Configuration { codec, record: bytes }),
        1 => Ok(Video::Frame(VideoFrame {
            codec,
            is_key: first >> 4 == KEY,
            composition_ms,
            offset_ns: 0,
            data: bytes,
        })),
        2 => Ok(Video::SequenceEnd),
        other => Err(Malformed::PacketType(other).into()),
    }
}

fn codec(fourcc: [u8; 4]) -> Result<VideoCodec, Skip> {
    match &fourcc {
        b"avc1" => Ok(VideoCodec::H264),
        b"hvc1" => Ok(VideoCodec::Hevc),
        b"av01" => Ok(VideoCodec::Av1),
        b"vp09" => Ok(VideoCodec::Vp9),
        b"vp08" => Err(Skip::Unsupported("VP8")),
        b"vvc1" => Err(Skip::Unsupported("VVC")),
        _ => Err(Skip::Unsupported("of an unknown video FourCC")),
    }
}

/// A signed number of 24 bits.
fn signed([a, b, c]: [u8; 3]) -> i32 {
    i32::from_be_bytes([a, b, c, 0]) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &'static [u8]) -> Result<Video, Skip> {
        read(Bytes::from_static(bytes), &mut None)
    }

    fn coded(codec: VideoCodec, composition_ms: i32, offset_ns: u32, data: &'static [u8]) -> Video {
        let data = Bytes::from_static(data);
        Video::Frame(VideoFrame { codec, is_key: true, composition_ms, offset_ns, data })
    }

    #[test]
    fn composition_times_are_signed() {
        let found = frame(b"\x17\x01\xff\xff\xd8nal");
        assert_eq!(found, Ok(coded(VideoCodec::H264, -40, 0, b"nal")));
        let found = frame(b"\x91hvc1\x00\x00\x28nal");
        assert_eq!(found, Ok(coded(VideoCodec::Hevc, 40, 0, b"nal")));
        assert_eq!(frame(b"\x93hvc1nal"), Ok(coded(VideoCodec::Hevc, 0, 0, b"nal")));
        assert_eq!(frame(b"\x91av01obu"), Ok(coded(VideoCodec::Av1, 0, 0, b"obu")));
    }

    #[test]
    fn modifiers_stand_before_the_packet() {
        // ModEx of three bytes, 0x07a120 = 500,000 ns, then CodedFramesX.
        let found = frame(b"\x97\x02\x07\xa1\x20\x03hvc1nal");
        assert_eq!(found, Ok(coded(VideoCodec::Hevc, 0, 500_000, b"nal")));
        // An unknown modifier of one byte, then the nanoseconds.
        let found = frame(b"\x97\x00!\x17\x02\x00\x00\x01\x01av01obu");
        assert_eq!(found, Ok(coded(VideoCodec::Av1, 0, 1, b"obu")));
        // The length in 16 bits: 0x0002 + 1.
        let found = frame(b"\x97\xff\x00\x02\x00\x00\x07\x03av01obu");
        assert_eq!(found, Ok(coded(VideoCodec::Av1, 0, 7, b"obu")));
        assert_eq!(frame(&[0x97; 40]), Err(Malformed::Truncated.into()));
    }

    #[test]
    fn the_first_track_is_taken_and_kept() {
        let many = b"\x96\x11hvc1\x01\x00\x00\x04\x00\x00\x00b\x00\x00\x00\x04\x00\x00\x00a";
        let mut track = None;
        let found = read(Bytes::from_static(many), &mut track);
        assert_eq!((found, track), (Ok(coded(VideoCodec::Hevc, 0, 0, b"a")), Some(0)));
        let found = read(Bytes::from_static(many), &mut Some(1));
        assert_eq!(found, Ok(coded(VideoCodec::Hevc, 0, 0, b"b")));
        let found = read(Bytes::from_static(many), &mut Some(2));
        assert_eq!(found, Err(Skip::OtherTrack));
        let codecs = b"\x96\x23av01\x00\x00\x00\x01xvp08\x01\x00\x00\x01y";
        assert_eq!(frame(codecs), Ok(coded(VideoCodec::Av1, 0, 0, b"x")));
        let one = b"\x96\x03av01\x00x";
        assert_eq!(frame(one), Ok(coded(VideoCodec::Av1, 0, 0, b"x")));
        assert_eq!(frame(b"\x96\x16av01"), Err(Malformed::Multitrack(1).into()));
    }

    #[test]
    fn unsupported_codecs_have_names() {
        assert_eq!(frame(b"\x1c\x01"), Err(Skip::Unsupported("HEVC in classic FLV")));
        assert_eq!(frame(b"\x14\x01"), Err(Skip::Unsupported("VP6")));
        assert_eq!(frame(b"\x90vvc1"), Err(Skip::Unsupported("VVC")));
    }
}
