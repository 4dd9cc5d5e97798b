//! Every bound of a connection, with its default.

use std::time::Duration;

/// What one connection may send, hold and take. The defaults bound its memory to 12 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Time from the first call to the end of the handshake.
    pub handshake: Duration,
    /// Time from the first call to the `publish` command.
    pub publish: Duration,
    /// Silence after which the peer is pinged. Below [`silence`](Self::silence).
    pub ping: Duration,
    /// Silence after which the peer is taken for gone.
    pub silence: Duration,
    /// Bytes before the publisher is accepted, handshake included. Publishers need 4 to 6 KiB.
    pub before_publish_bytes: u64,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Bytes held for messages that are not complete yet, over all chunk streams.
    pub unfinished_bytes: usize,
    /// Chunk streams that a connection may open. ffmpeg uses five, OBS one more per track.
    pub chunk_streams: usize,
    /// The smallest chunk size accepted: each chunk costs a header, so small ones cost time. The
    /// specification asks for at least 128 (5.4.1).
    pub chunk_bytes_min: u32,
    /// The largest chunk size accepted. It holds no memory, since a chunk is read into its message
    /// as it comes; 16,777,215 is the largest message there can be (5.4.1).
    pub chunk_bytes_max: u32,
    /// Bytes of a message of AMF values.
    pub amf_bytes: usize,
    /// Values of such a message, with those inside others.
    pub amf_values: usize,
    /// Depth of values inside values.
    pub amf_depth: usize,
    /// Bits per second, on average over [`rate_window`](Self::rate_window).
    pub bits_per_second: u64,
    /// The time over which the bit rate is averaged.
    pub rate_window: Duration,
    /// Bytes of replies waiting to be sent.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            publish: Duration::from_secs(10),
            ping: Duration::from_secs(5),
            silence: Duration::from_secs(8),
            before_publish_bytes: 64 << 10,
            message_bytes: 4 << 20,
            unfinished_bytes: 6 << 20,
            chunk_streams: 16,
            chunk_bytes_min: 128,
            chunk_bytes_max: 0xff_ffff,
            amf_bytes: 64 << 10,
            amf_values: 1024,
            amf_depth: 16,
            bits_per_second: 50_000_000,
            rate_window: Duration::from_secs(5),
            output_bytes: 64 << 10,
        }
    }
}
