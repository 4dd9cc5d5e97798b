//! Messages into chunks, for replies.

/// Appends messages as chunks. Each begins with a full header: replies are few.
#[derive(Debug)]
pub(crate) struct Writer {
    chunk_bytes: usize,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { chunk_bytes: super::CHUNK_BYTES as usize }
    }

    /// Sets the size of the chunks to come, which the peer must have been told.
    pub(crate) fn set_chunk_size(&mut self, bytes: u32) {
        self.chunk_bytes = bytes as usize;
    }

    /// Writes a message with time stamp 0 on a chunk stream below 64.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        chunk_stream: u8,
        kind: u8,
        stream: u32,
        payload: &[u8],
    ) {
        debug_assert!((2..64).contains(&chunk_stream));
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        out.extend([chunk_stream, 0, 0, 0]);
        out.extend(&length.to_be_bytes()[1..]);
        out.push(kind);
        out.extend(stream.to_le_bytes());
        for (n, part) in payload.chunks(self.chunk_bytes).enumerate() {
            if n > 0 {
                out.push(0xc0 | chunk_stream);
            }
            out.extend(part);
        }
    }
}
