//! What can go wrong in a store or on scratch disk, and whether trying again can help.
//!
//! Holds the facts; does not decide about retries, and never contains a secret.

use std::io;
use std::path::{Path, PathBuf};

use crate::Object;

/// Any underlying error, kept as the source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a store or on scratch failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object does not exist.
    #[error("{object} does not exist")]
    NotFound {
        /// The object that was asked for.
        object: Object,
    },
    /// A customer's bucket has no such object.
    #[error("there is no object {key:?} in the bucket that was given")]
    Absent {
        /// The key that was asked for.
        key: String,
    },
    /// The object is not the one that was seen before: somebody wrote another in its place.
    #[error("{what} was replaced after it was first looked at")]
    Replaced {
        /// The object, or its key in a bucket of somebody else's.
        what: String,
    },
    /// An object in a customer's bucket is larger than allowed, whatever its announced size.
    #[error("the object has more than {most} bytes")]
    TooLarge {
        /// Most bytes taken.
        most: u64,
    },
    /// The address of a customer's store is not allowed.
    #[error("{host} is not a public address; allow its network, or give a public store")]
    Forbidden {
        /// The host, as it was given.
        host: String,
    },
    /// The key or prefix breaks a rule of [`Object`].
    #[error("key {key:?} is not allowed: {rule}")]
    InvalidKey {
        /// The key as it was given.
        key: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// No bucket has this name.
    #[error("there is no bucket {name:?}")]
    UnknownBucket {
        /// The name as it was given.
        name: String,
    },
    /// The configuration contradicts itself.
    #[error("store configuration is invalid: {reason}")]
    InvalidConfig {
        /// What is wrong, naming the field.
        reason: &'static str,
    },
    /// This process has no store, or no scratch disk: none of its queues uses one.
    #[error("this process has not opened {what}")]
    NotOpened {
        /// What it would need.
        what: &'static str,
    },
    /// The disk (or the remote store's) has no space left.
    #[error("no space left for {place}")]
    DiskFull {
        /// What was being written.
        place: String,
        /// The underlying error.
        #[source]
        source: BoxError,
    },
    /// The disk of a working folder would have less free than its reserve.
    #[error("the disk has {free} bytes free, under its reserve of {reserve} bytes")]
    NoSpace {
        /// Free bytes on its file system.
        free: u64,
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// The store cannot be reached or asks to come back later.
    #[error("store is unavailable, cannot {operation}")]
    Unavailable {
        /// What was being done.
        operation: &'static str,
        /// The underlying error.
        #[source]
        source: BoxError,
    },
    /// The store denies access, or there are no credentials.
    #[error("store denies access, cannot {operation}")]
    Denied {
        /// What was being done.
        operation: &'static str,
        /// The underlying error.
        #[source]
        source: BoxError,
    },
    /// The store refuses the request for another reason; the same request will fail again.
    #[error("store refuses to {operation}, status {status:?}")]
    Refused {
        /// What was being done.
        operation: &'static str,
        /// The HTTP status, when there was an answer.
        status: Option<u16>,
        /// The underlying error.
        #[source]
        source: BoxError,
    },
    /// A local file operation failed.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Says whether the same call may succeed later without anything else being changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::DiskFull { .. } | Self::NoSpace { .. } | Self::Unavailable { .. } => true,
            Self::Io { source, .. } => !is_lasting(source.kind()),
            Self::NotFound { .. }
            | Self::Absent { .. }
            | Self::Replaced { .. }
            | Self::TooLarge { .. }
            | Self::Forbidden { .. }
            | Self::InvalidKey { .. }
            | Self::UnknownBucket { .. }
            | Self::InvalidConfig { .. }
            | Self::NotOpened { .. }
            | Self::Denied { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// Names a local failure by its kind: full disk, or the file it concerns.
    pub(crate) fn local(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { place: path.display().to_string(), source: source.into() }
            }
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}

/// Kinds that describe the request or the set-up rather than the moment.
fn is_lasting(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::NotFound
            | Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::InvalidInput
            | Kind::InvalidFilename
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::FileTooLarge
            | Kind::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_full_disk_is_named_and_may_pass() {
        let path = Path::new("somewhere");
        let full = Error::local(path, io::ErrorKind::StorageFull.into());
        assert!(matches!(full, Error::DiskFull { .. }) && full.is_transient(), "{full:?}");
        let gone = Error::local(path, io::ErrorKind::NotFound.into());
        assert!(matches!(gone, Error::Io { .. }) && !gone.is_transient(), "{gone:?}");
        let busy = Error::local(path, io::ErrorKind::ResourceBusy.into());
        assert!(busy.is_transient());
    }

    #[test]
    fn display_leaves_the_source_to_the_chain() {
        let error = Error::local(Path::new("somewhere"), io::Error::other("the inner reason"));
        assert_eq!(error.to_string(), "cannot use somewhere");
        assert_eq!(error.source().unwrap().to_string(), "the inner reason");
    }
}
