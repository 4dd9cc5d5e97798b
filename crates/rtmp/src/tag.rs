//! The bodies of FLV's audio and video tags, classic and enhanced (Enhanced RTMP v2).
//!
//! Owns the headers before the codec's own bytes, which it passes on as they are.

mod audio;
mod enhanced;
mod video;

pub use audio::{Audio, AudioCodec, AudioFrame};
pub use video::{Video, VideoCodec, VideoFrame};

pub(crate) use audio::read as read_audio;
pub(crate) use video::read as read_video;

use bytes::Bytes;

/// Why a tag cannot be read. Its frame is lost; the stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The tag ends inside its header.
    #[error("the tag ends inside its header")]
    Truncated,
    /// A packet type that neither classic nor enhanced RTMP knows.
    #[error("packet type {0} is unknown")]
    PacketType(u8),
    /// A multitrack tag inside a multitrack tag, or of an unknown form.
    #[error("the multitrack form {0} is unknown")]
    Multitrack(u8),
}

/// Why a tag gives no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skip {
    Malformed(Malformed),
    /// A codec by its usual name: the stream cannot go on.
    Unsupported(&'static str),
    /// Something that is not needed: commands, metadata of a track.
    Unneeded,
    /// A track that is not the first.
    OtherTrack,
}

impl From<Malformed> for Skip {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Splits off the first bytes of a tag.
fn array<const N: usize>(bytes: &mut Bytes) -> Result<[u8; N], Malformed> {
    let array = *bytes.first_chunk().ok_or(Malformed::Truncated)?;
    bytes::Buf::advance(bytes, N);
    Ok(array)
}

/// A tag that names no track belongs to track 0: is that the one taken?
fn on_track_0(track: &mut Option<u8>) -> Result<(), Skip> {
    if *track.get_or_insert(0) == 0 { Ok(()) } else { Err(Skip::OtherTrack) }
}
