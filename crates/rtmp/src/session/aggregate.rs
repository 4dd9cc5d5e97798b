//! Aggregate messages: several FLV tags in one message (RTMP 1.0, 7.1.6).

use crate::chunk::Message;
use bytes::{Buf, Bytes};

/// Hands out the messages inside. Ends at the first one that is cut.
#[derive(Debug)]
pub(super) struct Aggregate {
    rest: Bytes,
    timestamp: u32,
    /// The time stamp of the first tag, from which the others count.
    first: Option<u32>,
}

impl Aggregate {
    pub(super) fn new(timestamp: u32, payload: Bytes) -> Self {
        Self { rest: payload, timestamp, first: None }
    }
}

impl Iterator for Aggregate {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let &[kind, a, b, c, t1, t2, t3, t0, ..] = self.rest.first_chunk::<11>()?;
        let size = u32::from_be_bytes([0, a, b, c]) as usize;
        if self.rest.len() < 11 + size {
            return None;
        }
        self.rest.advance(11);
        let payload = self.rest.split_to(size);
        // The size of the tag, once more, stands behind it.
        self.rest.advance(self.rest.len().min(4));
        // The highest byte of the time stamp comes last.
        let stamp = u32::from_be_bytes([t0, t1, t2, t3]);
        let since = stamp.wrapping_sub(*self.first.get_or_insert(stamp));
        let timestamp = self.timestamp.wrapping_add(since);
        Some(Message { kind, timestamp, stream: 0, payload })
    }
}
