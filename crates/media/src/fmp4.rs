//! Fragmented MP4 as bytes: where its parts are, what they contain, and the two corrections made in
//! place before they become segments.
//!
//! Reads what ffmpeg writes for one track per file. It opens no files: callers hand in bytes, or
//! walk a file by [`BoxHeader`]s and read only the parts they want.

mod boxes;
mod edit;
mod fragment;
mod init;

pub use boxes::{BoxHeader, Layout, Placed, layout, split};
pub use edit::{delay_decoding, each_fragment, renumber, set_back, shift_composition};
pub use fragment::{Fragment, Sample};
pub use init::{Defaults, Init, Track};

use crate::codecs::Unsupported;

/// Why bytes are not the fragmented file they should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A box reaches beyond the bytes at hand, or its header is cut or impossible.
    #[error("the box at byte {at} ends beyond the {have} bytes there are")]
    Truncated {
        /// Offset of the box.
        at: usize,
        /// Length of the input.
        have: usize,
    },
    /// A box is in a place where it is not allowed.
    #[error("a `{kind}` box at byte {at} has no place there")]
    Unexpected {
        /// Its type.
        kind: String,
        /// Its offset.
        at: usize,
    },
    /// A box that must be there is not.
    #[error("there is no `{0}` box")]
    Missing(&'static str),
    /// A box cannot be decoded.
    #[error("the `{kind}` box cannot be read")]
    Unreadable {
        /// Its type.
        kind: &'static str,
        /// What is wrong with it.
        #[source]
        source: mp4_atom::Error,
    },
    /// Files with one track are expected.
    #[error("{0} tracks where one is expected")]
    Tracks(usize),
    /// The track is neither picture nor sound, or of a codec without a codec string.
    #[error("the track cannot be described")]
    Codec(#[from] Unsupported),
    /// The sample table does not account for every byte of media.
    #[error("{samples} samples of {bytes} bytes in an mdat of {payload} bytes")]
    SizesDiffer {
        /// Samples listed; zero means the fragment is empty.
        samples: u64,
        /// Sum of their sizes.
        bytes: u64,
        /// Bytes of media.
        payload: u64,
    },
    /// A composition offset leaves the 32 signed bits it is stored in.
    #[error("composition offset {0} does not fit in 32 bits")]
    CompositionRange(i64),
    /// The samples carry no composition offsets that could be shifted.
    #[error("the samples have no composition offsets to shift by {0} ticks")]
    NoComposition(i64),
}

#[cfg(test)]
mod testdata {
    //! The recorded files of `testdata/`.

    pub(super) const VIDEO: &[u8] = include_bytes!("../testdata/video.mp4");
    pub(super) const AUDIO_INIT: &[u8] = include_bytes!("../testdata/audio-init.mp4");
    pub(super) const AUDIO: [&[u8]; 2] =
        [include_bytes!("../testdata/audio-0.m4s"), include_bytes!("../testdata/audio-1.m4s")];

    /// Fragment `index` of [`VIDEO`].
    pub(super) fn video_fragment(index: usize) -> Vec<u8> {
        let layout = super::split(VIDEO).unwrap();
        VIDEO[layout.fragments[index].clone()].to_vec()
    }
}
