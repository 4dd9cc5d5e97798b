//! What enhanced audio and video headers have in common: modifiers, `FourCC`, tracks.

use super::{Malformed, Skip, array};
use bytes::Bytes;

/// Packet types with the same meaning in both kinds of tag.
pub(super) const SEQUENCE_START: u8 = 0;
pub(super) const CODED_FRAMES: u8 = 1;
pub(super) const SEQUENCE_END: u8 = 2;
const MOD_EX: u8 = 7;

/// The only modifier defined: nanoseconds to add to the time stamp.
const TIMESTAMP_OFFSET_NANO: u8 = 0;
/// Modifiers before one packet. More than one has no meaning yet.
const MODIFIERS_MAX: usize = 8;

/// How a multitrack tag lists its tracks.
const ONE_TRACK: u8 = 0;
/// The last form known; between them lies that of many tracks of one codec.
const MANY_TRACKS_MANY_CODECS: u8 = 2;

/// One packet of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) kind: u8,
    pub(super) fourcc: [u8; 4],
    pub(super) offset_ns: u32,
    pub(super) body: Bytes,
}

/// Reads the modifiers before a packet: its type, and the nanoseconds to add to its time.
pub(super) fn modifiers(mut packet_type: u8, bytes: &mut Bytes) -> Result<(u8, u32), Malformed> {
    let mut offset_ns = 0;
    for _ in 0..MODIFIERS_MAX {
        if packet_type != MOD_EX {
            return Ok((packet_type, offset_ns));
        }
        let [size] = array(bytes)?;
        let size = match size {
            u8::MAX => usize::from(u16::from_be_bytes(array(bytes)?)) + 1,
            size => usize::from(size) + 1,
        };
        let data = bytes.get(..size).ok_or(Malformed::Truncated)?;
        let nanoseconds =
            data.first_chunk::<3>().map(|ns| u32::from_be_bytes([0, ns[0], ns[1], ns[2]]));
        bytes::Buf::advance(bytes, size);
        let [kind_and_type] = array(bytes)?;
        if kind_and_type >> 4 == TIMESTAMP_OFFSET_NANO {
            offset_ns = nanoseconds.ok_or(Malformed::Truncated)?;
        }
        packet_type = kind_and_type & 0x0f;
    }
    Err(Malformed::PacketType(MOD_EX))
}

/// Reads what follows the modifiers and finds the packet of the first track.
///
/// `track` is the track taken so far. Where none is, the lowest of this tag is.
pub(super) fn packet(
    (packet_type, offset_ns): (u8, u32),
    multitrack: u8,
    mut bytes: Bytes,
    track: &mut Option<u8>,
) -> Result<Packet, Skip> {
    if packet_type != multitrack {
        let fourcc = array(&mut bytes)?;
        super::on_track_0(track)?;
        return Ok(Packet { kind: packet_type, fourcc, offset_ns, body: bytes });
    }
    let [form_and_type] = array(&mut bytes)?;
    let (form, packet_type) = (form_and_type >> 4, form_and_type & 0x0f);
    if packet_type == multitrack || form > MANY_TRACKS_MANY_CODECS {
        return Err(Malformed::Multitrack(form).into());
    }
    let shared = if form == MANY_TRACKS_MANY_CODECS { None } else { Some(array(&mut bytes)?) };
    let mut first: Option<(u8, Packet)> = None;
    while !bytes.is_empty() {
        let fourcc = match shared {
            Some(fourcc) => fourcc,
            None => array(&mut bytes)?,
        };
        let [id] = array(&mut bytes)?;
        let body = if form == ONE_TRACK {
            std::mem::take(&mut bytes)
        } else {
            let [a, b, c] = array(&mut bytes)?;
            let size = u32::from_be_bytes([0, a, b, c]) as usize;
            if size > bytes.len() {
                return Err(Malformed::Truncated.into());
            }
            bytes.split_to(size)
        };
        let wanted = match (*track, &first) {
            (Some(track), _) => id == track && first.is_none(),
            (None, Some((lowest, _))) => id < *lowest,
            (None, None) => true,
        };
        if wanted {
            first = Some((id, Packet { kind: packet_type, fourcc, offset_ns, body }));
        }
    }
    let (id, packet) = first.ok_or(Skip::OtherTrack)?;
    *track = Some(id);
    Ok(packet)
}
