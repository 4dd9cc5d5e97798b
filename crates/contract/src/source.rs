//! Where the input of a video comes from and where it is kept.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the user pointed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// An http(s) address, or a page of a site yt-dlp knows.
    Url {
        /// The address, as given.
        url: String,
    },
    /// A file on this machine; only `millrace transcode` makes these.
    File {
        /// Absolute path.
        path: String,
    },
    /// An object in our own store.
    Object {
        /// Bucket name.
        bucket: String,
        /// Key in the bucket.
        key: String,
    },
}

/// The kind of a [`Source`], as a search attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Fetched over the network.
    Url,
    /// Read from this machine.
    File,
    /// Already in the store.
    Object,
}

impl Source {
    /// Its kind.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Url { .. } => SourceKind::Url,
            Self::File { .. } => SourceKind::File,
            Self::Object { .. } => SourceKind::Object,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "url",
            Self::File => "file",
            Self::Object => "object",
        })
    }
}

/// A source as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSource {
    /// Bucket name.
    pub bucket: String,
    /// Key in the bucket.
    pub key: String,
    /// Size of the object.
    pub bytes: u64,
    /// The store's tag of the content, when it gives one.
    pub etag: Option<String>,
}
