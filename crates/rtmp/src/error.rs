//! Why a connection is refused or closed.

use crate::amf0;

/// Why a connection cannot go on. Holds no byte of what the publisher sent: neither its key nor
/// its media reach a log through it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first byte is not RTMP's version; 22 would be TLS, 71 the `G` of an HTTP request.
    #[error("the first byte is {first}, where RTMP begins with 3")]
    NotRtmp {
        /// The byte.
        first: u8,
    },
    /// The handshake took too long.
    #[error("no handshake within {seconds} s")]
    HandshakeTooSlow {
        /// The limit.
        seconds: u64,
    },
    /// No `publish` command came in time.
    #[error("no publish command within {seconds} s")]
    PublishTooSlow {
        /// The limit.
        seconds: u64,
    },
    /// The publisher sends nothing and answers no ping.
    #[error("nothing received for {seconds} s")]
    Silent {
        /// The limit.
        seconds: u64,
    },
    /// Too many bytes came before the publisher was accepted.
    #[error("more than {bytes_max} bytes before publishing began")]
    TooMuchBeforePublish {
        /// The limit.
        bytes_max: u64,
    },
    /// The publisher sends faster than it may.
    #[error("more than {bits_per_second_max} bits per second")]
    TooFast {
        /// The limit.
        bits_per_second_max: u64,
    },
    /// A message says that it is larger than any may be.
    #[error("a message of {bytes} bytes, of at most {bytes_max}")]
    MessageTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Messages begun and not finished hold too much.
    #[error("unfinished messages of more than {bytes_max} bytes")]
    UnfinishedTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Too many chunk streams are in use.
    #[error("more than {max} chunk streams")]
    TooManyChunkStreams {
        /// The limit.
        max: usize,
    },
    /// A chunk size outside the limits.
    #[error("a chunk size of {bytes}, of {bytes_min} to {bytes_max}")]
    ChunkSize {
        /// The size asked for.
        bytes: u32,
        /// The smallest accepted.
        bytes_min: u32,
        /// The largest accepted.
        bytes_max: u32,
    },
    /// A chunk refers to one before it on its chunk stream, and there is none.
    #[error("a chunk refers to an earlier one that was never sent")]
    NoEarlierChunk,
    /// A message begins on a chunk stream where another one is not finished.
    #[error("a message begins inside another one")]
    MessageInsideMessage,
    /// A control message is shorter than its kind requires.
    #[error("a control message of type {kind} is cut")]
    ControlTruncated {
        /// RTMP's message type.
        kind: u8,
    },
    /// An AMF message is larger than it may be.
    #[error("an AMF message of {bytes} bytes, of at most {bytes_max}")]
    AmfTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The values of a command or of metadata cannot be read.
    #[error("AMF values cannot be read")]
    Amf(#[from] amf0::Error),
    /// A command lacks what it needs, or comes where it has no place.
    #[error("the command `{command}` is incomplete or out of order")]
    Command {
        /// Its name.
        command: &'static str,
    },
    /// The peer wants to play; there is nothing to play here.
    #[error("playing is not offered here, only publishing")]
    PlayRefused,
    /// The publisher sends media of a codec that is not supported.
    #[error("the codec {codec} is not supported")]
    UnsupportedCodec {
        /// Its usual name.
        codec: &'static str,
    },
    /// Replies pile up because the peer does not read them, or asks for too many.
    #[error("more than {bytes_max} bytes of replies are waiting")]
    OutputFull {
        /// The limit.
        bytes_max: usize,
    },
}
