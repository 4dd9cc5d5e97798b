//! What a connection tells its caller.

use crate::{Audio, Malformed, Video, amf0};
use std::fmt;

/// Something that has happened on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The peer asks to publish, and waits for `accept` or `end`.
    Publish(PublishRequest),
    /// What the encoder says of its stream: a hint, not a fact.
    Metadata(Metadata),
    /// Picture, or the configuration of its codec.
    Video {
        /// Decode time in milliseconds, on a line that does not wrap.
        time_ms: i64,
        /// The tag.
        video: Video,
    },
    /// Sound, or the configuration of its codec.
    Audio {
        /// Time in milliseconds, on the same line as the pictures.
        time_ms: i64,
        /// The tag.
        audio: Audio,
    },
    /// A frame was lost because its tag cannot be read.
    Malformed(Malformed),
    /// The publisher has ended its stream; what follows on the connection is ignored.
    Ended(Ended),
}

/// How a publisher ended its stream, beside closing the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Before it was accepted.
    BeforePublishing,
    /// While publishing, by a command.
    Unpublished,
}

/// What the peer wants to publish, and who it says it is.
#[derive(Clone, PartialEq, Eq)]
pub struct PublishRequest {
    /// The application: the path of the address, without a query. May hold the key if a user typed
    /// it there.
    pub app: String,
    /// The stream's name, without a query.
    pub key: StreamKey,
    /// Name and version of the encoder as it gives them; empty if it does not.
    pub encoder: String,
}

/// Shows nothing that the peer wrote: users type keys into the application as well.
impl fmt::Debug for PublishRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishRequest").finish_non_exhaustive()
    }
}

/// The secret that lets somebody publish; not shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamKey(pub(super) String);

impl StreamKey {
    /// The key as it came.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}

/// The properties of `onMetaData`; not shown in debug output, since a publisher writes what it likes.
#[derive(Clone, PartialEq)]
pub struct Metadata(pub(super) amf0::Value);

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metadata(…)")
    }
}

impl Metadata {
    /// A number by its name, such as `width`, `framerate` or `videodatarate` (kbit/s).
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.number()
    }

    /// A text by its name, such as `encoder`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.text()
    }
}

/// Counts of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Bytes received.
    pub bytes: u64,
    /// Messages that have no use here, or came before publishing began.
    pub ignored: u64,
    /// Tags of tracks beside the first.
    pub other_tracks: u64,
    /// Tags that could not be read.
    pub malformed: u64,
}
