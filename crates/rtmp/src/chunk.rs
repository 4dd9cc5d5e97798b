//! The chunk stream: messages cut into interleaved chunks (RTMP 1.0, 5.3).

mod header;
mod reader;
mod writer;

pub(crate) use reader::{Message, Reader};
pub(crate) use writer::Writer;

/// Chunk size on both sides until somebody changes it (RTMP 1.0, 5.4.1).
const CHUNK_BYTES: u32 = 128;
/// A field of this value says that the time stamp follows in four bytes of its own (5.3.1.3).
const EXTENDED: u32 = 0xff_ffff;
