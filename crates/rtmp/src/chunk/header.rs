//! Chunk headers: how long they are and what they say.

use super::EXTENDED;

/// The longest header: basic 3, message 11, extended time stamp 4.
pub(super) const BYTES_MAX: usize = 18;

/// A basic header: which of the four forms follows, and on which chunk stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Basic {
    pub(super) form: u8,
    pub(super) chunk_stream: u32,
    pub(super) bytes: usize,
}

impl Basic {
    /// `None` until there are enough bytes.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let form = first >> 6;
        Some(match first & 0x3f {
            0 => Self { form, chunk_stream: u32::from(*rest.first()?) + 64, bytes: 2 },
            1 => {
                let id = u16::from_le_bytes(*rest.first_chunk()?);
                Self { form, chunk_stream: u32::from(id) + 64, bytes: 3 }
            }
            id => Self { form, chunk_stream: u32::from(id), bytes: 1 },
        })
    }
}

/// The fields of a message header of form 0, 1 or 2; a form leaves out what it repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    /// The time stamp (form 0) or its difference to the one before.
    pub(super) time: u32,
    pub(super) extended: bool,
    pub(super) length_and_kind: Option<(usize, u8)>,
    pub(super) stream: Option<u32>,
    pub(super) bytes: usize,
}

impl Fields {
    /// `None` until there are enough bytes. `bytes` begins behind the basic header.
    #[inline]
    pub(super) fn parse(form: u8, bytes: &[u8]) -> Option<Self> {
        let mut used = match form {
            0 => 11,
            1 => 7,
            _ => 3,
        };
        let header = bytes.get(..used)?;
        let u24 = |at: usize| u32::from_be_bytes([0, header[at], header[at + 1], header[at + 2]]);
        let mut time = u24(0);
        let extended = time == EXTENDED;
        if extended {
            time = u32::from_be_bytes(*bytes[used..].first_chunk()?);
            used += 4;
        }
        // The stream id alone is little-endian.
        let stream =
            (form == 0).then(|| u32::from_le_bytes([header[7], header[8], header[9], header[10]]));
        let length_and_kind = (form <= 1).then(|| (u24(3) as usize, header[6]));
        Some(Self { time, extended, length_and_kind, stream, bytes: used })
    }
}
