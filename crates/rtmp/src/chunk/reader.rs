//! Chunks into messages.

use super::header::{self, Basic, Fields};
use crate::{Error, Limits};
use bytes::Bytes;

/// What is reserved at once for a message: larger ones grow as their bytes come, since a header
/// alone must not cost memory.
const RESERVED: usize = 64 << 10;

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// RTMP's message type.
    pub(crate) kind: u8,
    /// Milliseconds, modulo 2³².
    pub(crate) timestamp: u32,
    /// The message stream.
    pub(crate) stream: u32,
    pub(crate) payload: Bytes,
}

/// The last message on a chunk stream, and what there is of the one being read.
#[derive(Debug, Default)]
struct ChunkStream {
    id: u32,
    timestamp: u32,
    /// The time field of the last header, which form 3 repeats.
    field: u32,
    extended: bool,
    length: usize,
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
    unfinished: bool,
}

/// Puts messages together. Messages come one at a time, so that nothing queues up inside.
#[derive(Debug)]
pub(crate) struct Reader {
    chunk_bytes: usize,
    streams: Vec<ChunkStream>,
    /// A header of which the rest has not come. Where only its end tells whether it repeats a time
    /// stamp, some of these bytes turn out to be media.
    carry: [u8; header::BYTES_MAX],
    carried: usize,
    /// The chunk being read: its place in `streams`, and its bytes to come.
    chunk: Option<(usize, usize)>,
    /// What the payloads of unfinished messages have reserved.
    held: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            chunk_bytes: super::CHUNK_BYTES as usize,
            streams: Vec::new(),
            carry: [0; header::BYTES_MAX],
            carried: 0,
            chunk: None,
            held: 0,
        }
    }

    /// Sets the size of the chunks to come.
    pub(crate) fn set_chunk_size(&mut self, bytes: u32, limits: &Limits) -> Result<(), Error> {
        let (bytes_min, bytes_max) = (limits.chunk_bytes_min, limits.chunk_bytes_max);
        if !(bytes_min..=bytes_max).contains(&bytes) {
            return Err(Error::ChunkSize { bytes, bytes_min, bytes_max });
        }
        self.chunk_bytes = bytes as usize;
        Ok(())
    }

    /// Drops what there is of the message on a chunk stream.
    pub(crate) fn abort(&mut self, chunk_stream: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == chunk_stream) {
            self.held -= stream.payload.capacity();
            stream.payload = Vec::new();
            stream.unfinished = false;
        }
    }

    /// Takes bytes off the front until a message is whole. `None`: all are taken.
    pub(crate) fn read(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<Message>, Error> {
        loop {
            let step = if self.carried == 0 {
                self.step(input, limits)?
            } else {
                let mut joined = self.carry;
                let added = input.len().min(joined.len() - self.carried);
                joined[self.carried..][..added].copy_from_slice(&input[..added]);
                self.step(&joined[..self.carried + added], limits)?
            };
            let Some((used, message)) = step else {
                let added = input.len().min(self.carry.len() - self.carried);
                self.carry[self.carried..][..added].copy_from_slice(&input[..added]);
                self.carried += added;
                *input = &input[added..];
                return Ok(None);
            };
            let carried = self.carried.min(used);
            self.carry.copy_within(carried..self.carried, 0);
            self.carried -= carried;
            *input = &input[used - carried..];
            if message.is_some() || used == 0 {
                return Ok(message);
            }
        }
    }

    /// Reads one header, where one is due, and what there is of its chunk: how many bytes that
    /// were, and the message if it is whole. `None`: the header is not.
    #[inline]
    fn step(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<(usize, Option<Message>)>, Error> {
        let (at, left, used) = match self.chunk.take() {
            Some((at, left)) => (at, left, 0),
            None => match self.begin(bytes, limits)? {
                Some((at, used)) => (at, self.chunk_left(at), used),
                None => return Ok(None),
            },
        };
        let part = &bytes[used..];
        let part = &part[..left.min(part.len())];
        self.append(at, part, limits)?;
        let used = used + part.len();
        if part.len() < left {
            self.chunk = Some((at, left - part.len()));
            return Ok(Some((used, None)));
        }
        let stream = &mut self.streams[at];
        if stream.payload.len() < stream.length {
            return Ok(Some((used, None)));
        }
        stream.unfinished = false;
        self.held -= stream.payload.capacity();
        let message = Message {
            kind: stream.kind,
            timestamp: stream.timestamp,
            stream: stream.stream,
            payload: std::mem::take(&mut stream.payload).into(),
        };
        Ok(Some((used, Some(message))))
    }

    fn append(&mut self, at: usize, part: &[u8], limits: &Limits) -> Result<(), Error> {
        let payload = &self.streams[at].payload;
        let (old, needed) = (payload.capacity(), payload.len() + part.len());
        if needed > old {
            let length = self.streams[at].length;
            let wanted = needed.max(old * 2).max(RESERVED).min(length);
            let bytes_max = limits.unfinished_bytes;
            if self.held - old + wanted > bytes_max {
                return Err(Error::UnfinishedTooLarge { bytes_max });
            }
            let payload = &mut self.streams[at].payload;
            payload.reserve_exact(wanted - payload.len());
            self.held = self.held - old + payload.capacity();
        }
        self.streams[at].payload.extend_from_slice(part);
        Ok(())
    }

    fn chunk_left(&self, at: usize) -> usize {
        let stream = &self.streams[at];
        (stream.length - stream.payload.len()).min(self.chunk_bytes)
    }

    /// Reads the header at the front and begins or continues its message. `None`: it is not whole.
    #[inline]
    fn begin(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<(usize, usize)>, Error> {
        let Some(basic) = Basic::parse(bytes) else { return Ok(None) };
        let behind = &bytes[basic.bytes..];
        let at = self.streams.iter().position(|stream| stream.id == basic.chunk_stream);
        if basic.form == 3 {
            let at = at.ok_or(Error::NoEarlierChunk)?;
            return Ok(self.repeat(at, behind).map(|used| (at, basic.bytes + used)));
        }
        if at.is_some_and(|at| self.streams[at].unfinished) {
            return Err(Error::MessageInsideMessage);
        }
        // librtmp answers a ping with form 1 as the first chunk on chunk stream 2.
        if at.is_none() && basic.form == 2 {
            return Err(Error::NoEarlierChunk);
        }
        let Some(fields) = Fields::parse(basic.form, behind) else { return Ok(None) };
        if let Some((bytes, _)) = fields.length_and_kind
            && bytes > limits.message_bytes
        {
            return Err(Error::MessageTooLarge { bytes, bytes_max: limits.message_bytes });
        }
        let at = match at {
            Some(at) => at,
            None if self.streams.len() >= limits.chunk_streams => {
                return Err(Error::TooManyChunkStreams { max: limits.chunk_streams });
            }
            None => {
                let id = basic.chunk_stream;
                self.streams.push(ChunkStream { id, ..ChunkStream::default() });
                self.streams.len() - 1
            }
        };
        let stream = &mut self.streams[at];
        stream.field = fields.time;
        stream.extended = fields.extended;
        if let Some((length, kind)) = fields.length_and_kind {
            (stream.length, stream.kind) = (length, kind);
        }
        match fields.stream {
            Some(id) => (stream.stream, stream.timestamp) = (id, fields.time),
            None => stream.timestamp = stream.timestamp.wrapping_add(fields.time),
        }
        stream.unfinished = true;
        Ok(Some((at, basic.bytes + fields.bytes)))
    }

    /// A header of form 3: the message goes on, or another one like it begins. `None`: it is not
    /// whole.
    #[inline]
    fn repeat(&mut self, at: usize, behind: &[u8]) -> Option<usize> {
        let stream = &mut self.streams[at];
        let mut used = 0;
        if stream.extended {
            // The specification repeats the extended time stamp here; old versions of librtmp do
            // not. Four bytes of media that happen to equal it are as good as impossible.
            let next = u32::from_be_bytes(*behind.first_chunk()?);
            used = if next == stream.field { 4 } else { 0 };
        }
        if !stream.unfinished {
            // After form 0 the difference is that time stamp itself (5.3.1.2.4): ffmpeg relies on
            // it when the second frame of a stream is as late after the first as that was.
            stream.timestamp = stream.timestamp.wrapping_add(stream.field);
            stream.unfinished = true;
        }
        Some(used)
    }
}
