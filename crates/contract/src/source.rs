//! Where the input of a video comes from and where it is kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::UploadId;

/// What the user named.
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
    /// A file that a user uploaded.
    Upload {
        /// The upload.
        upload: UploadId,
        /// The file's name.
        file_name: String,
    },
    /// An object in the bucket given with the video, whose location is sealed in the catalogue.
    Given {
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
    /// Sent by the user.
    Upload,
    /// In a customer's bucket.
    Given,
}

impl Source {
    /// Its kind.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Url { .. } => SourceKind::Url,
            Self::File { .. } => SourceKind::File,
            Self::Object { .. } => SourceKind::Object,
            Self::Upload { .. } => SourceKind::Upload,
            Self::Given { .. } => SourceKind::Given,
        }
    }

    /// The source without what may be a secret: an address without user name, password, query and
    /// fragment. This is what is shown, and what Temporal and the catalogue keep in the clear.
    #[must_use]
    pub fn redacted(&self) -> Self {
        match self {
            Self::Url { url } => Self::Url { url: public_part(url).unwrap_or_default() },
            other => other.clone(),
        }
    }
}

/// `None` for what cannot be parsed, because what it hides cannot be found either.
fn public_part(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    // Addresses that cannot have a user name fail here, and have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

/// The source in a few words, for Temporal's pages: host and path of an address, no query and no
/// credentials, which may hold secrets; no folders of this machine.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url } => match Url::parse(url) {
                Ok(url) => write!(f, "{}{}", url.host_str().unwrap_or_default(), url.path()),
                Err(_) => f.write_str("an address"),
            },
            Self::File { path } => f.write_str(path.rsplit('/').next().unwrap_or_default()),
            Self::Object { bucket, key } => write!(f, "{bucket}/{key}"),
            Self::Upload { file_name, .. } => f.write_str(file_name),
            Self::Given { key } => write!(f, "given/{key}"),
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "url",
            Self::File => "file",
            Self::Object => "object",
            Self::Upload => "upload",
            Self::Given => "given",
        })
    }
}

/// A source as it is in the store.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_folders_are_not_told() {
        let told = |url: &str| Source::Url { url: url.to_owned() }.to_string();
        assert_eq!(told("https://u:p@h.example:8443/a/b.mp4?token=1#x"), "h.example/a/b.mp4");
        assert_eq!(told("//u:p@h/a"), "an address");
        let shown = |url: &str| Source::Url { url: url.to_owned() }.redacted();
        let public = Source::Url { url: "https://h.example:8443/a/b.mp4".to_owned() };
        assert_eq!(shown("https://u:p@h.example:8443/a/b.mp4?token=1#x"), public);
        assert_eq!(public.redacted(), public);
        assert_eq!(shown("//u:p@h/a?x"), Source::Url { url: String::new() });
        let object = Source::Object { bucket: "videos".to_owned(), key: "a/b.mp4".to_owned() };
        assert_eq!(object.to_string(), "videos/a/b.mp4");
        assert_eq!(Source::File { path: "/home/me/a.mp4".to_owned() }.to_string(), "a.mp4");
    }
}
