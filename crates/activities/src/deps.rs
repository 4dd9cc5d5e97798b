//! What activities work with, built once by the binary.

use catalog::Catalog;
use ffmpeg::{Tools, encoder::Nvenc};
use media::{manifest::Segment, options::EncoderOption};
use storage::{Scratch, Store};

use crate::{Webhooks, turns::Turns};

/// Handles shared by all activities of a worker; cheap to clone behind an `Arc`.
#[derive(Debug)]
pub struct Deps {
    /// Where objects are kept.
    pub store: Store,
    /// Where master copies are kept.
    pub mezzanine: Store,
    /// Private temporary folders.
    pub scratch: Scratch,
    /// ffmpeg and ffprobe.
    pub tools: Tools,
    /// What this worker may encode with: `x264` keeps it from trying a graphics card.
    pub encoder: EncoderOption,
    /// Chunks that this worker encodes at the same time.
    pub encoders: u32,
    /// What trying the graphics card showed.
    pub nvenc: Nvenc,
    /// True where a source may be a file of this machine: in `millrace transcode` alone, which has no
    /// other user than the one at the terminal.
    pub local_files: bool,
    /// Opens URLs from users.
    pub fetch: fetch::Client,
    /// The downloads of this worker, by tenant.
    pub turns: Turns,
    /// The catalogue of videos.
    pub catalog: Catalog,
    /// How messages to webhooks are sent.
    pub webhooks: Webhooks,
}

/// Sum of the sizes of segments, in bytes.
pub(crate) fn total_bytes<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> u64 {
    segments.into_iter().map(|segment| segment.bytes).sum()
}
