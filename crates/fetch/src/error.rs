//! Why a source could not be fetched. No variant carries the address itself: it may hold a secret.

use std::{io, path::PathBuf};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a source could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source may not be fetched, by our rules or by the server's.
    #[error("the source may not be fetched: {reason}")]
    Forbidden {
        /// Which rule.
        reason: Refusal,
    },
    /// The server answers 404 or 410.
    #[error("there is nothing at this address: the server answers {status}")]
    NotFound {
        /// The HTTP status.
        status: u16,
    },
    /// The host name does not exist.
    #[error("there is no host called `{host}`")]
    NoSuchHost {
        /// The name.
        host: String,
    },
    /// The source is larger than allowed, by what the server announces or by what has arrived.
    #[error("the source is larger than {limit} bytes (--source-mib-max)")]
    TooLarge {
        /// The largest size allowed, in bytes.
        limit: u64,
    },
    /// The server redirects more often than is followed.
    #[error("the server redirects more than {limit} times")]
    TooManyRedirects {
        /// How many redirects are followed.
        limit: usize,
    },
    /// The server answers with a status that is not a file.
    #[error("the server answers {status}")]
    Http {
        /// The HTTP status.
        status: u16,
    },
    /// No connection could be made.
    #[error("no connection to `{host}`")]
    Unreachable {
        /// The host of the address, or of the redirect that was followed.
        host: String,
        /// What the network said.
        #[source]
        source: Source,
    },
    /// The connection broke or stalled; what has arrived is kept, and another call resumes.
    #[error("the connection broke after {done} bytes")]
    Interrupted {
        /// How many bytes of the source are on disk.
        done: u64,
        /// What the network said.
        #[source]
        source: Source,
    },
    /// The source arrives more slowly than is waited for; what has arrived is kept.
    #[error(
        "the server sent {got} bytes in {seconds:.0} s; at least {least} a second are waited for (--source-rate-min)"
    )]
    TooSlow {
        /// Bytes that arrived in the window.
        got: u64,
        /// Length of the window.
        seconds: f64,
        /// Bytes a second that must arrive.
        least: u64,
    },
    /// A receiver of a message did not answer in time.
    #[error("no answer within {} s", within.as_secs_f64())]
    NoAnswer {
        /// How long was waited.
        within: std::time::Duration,
    },
    /// Another number of bytes arrived than the server announced; what has arrived is removed.
    #[error("the server announced {expected} bytes and sent {got}")]
    SizeMismatch {
        /// Announced.
        expected: u64,
        /// Arrived, counted from the start of the source.
        got: u64,
    },
    /// The source changed while it was fetched, twice; what has arrived is removed.
    #[error("the source keeps changing while it is fetched")]
    Changed,
    /// A program that this address needs is not installed.
    #[error("`{program}` is not installed; {hint}")]
    ToolMissing {
        /// The program that was looked for.
        program: String,
        /// What it is needed for, and how to get it.
        hint: &'static str,
    },
    /// yt-dlp, or joining its files, failed.
    #[error("{tool} failed: {detail}")]
    ToolFailed {
        /// Which program.
        tool: &'static str,
        /// Its last line.
        detail: String,
    },
    /// A program was killed from outside, which says nothing about the source.
    #[error("{tool} was killed")]
    ToolKilled {
        /// Which program.
        tool: &'static str,
    },
    /// A program could not be started or watched.
    #[error("{tool} could not be run")]
    Tool {
        /// Which program.
        tool: &'static str,
        /// Why.
        #[source]
        source: ffmpeg::Error,
    },
    /// The disk is full.
    #[error("no space left for {}", path.display())]
    NoSpace {
        /// The file that could not grow.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file could not be written or read.
    #[error("cannot keep the download on disk")]
    Io(#[source] io::Error),
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] Source),
}

/// The rule by which a source may not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only http and https are fetched.
    #[error("the scheme `{scheme}` is neither http nor https")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// The URL contains a user name or a password, which would end up in logs.
    #[error("the address holds a user name or a password")]
    Credentials,
    /// The address names no host.
    #[error("the address names no host")]
    NoHost,
    /// The host is not public, or its name resolves to nothing that is. What a name resolves to is
    /// not told: it may be the name of an inner machine.
    #[error("`{host}` is not a public address")]
    Address {
        /// The host, as in the address.
        host: String,
    },
    /// The server answers 401, 403, 407 or 451.
    #[error("the server answers {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
}

impl Error {
    /// Whether the same call may succeed later, with nothing changed on our side.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Http { status } => matches!(status, 408 | 425 | 429 | 500..),
            Self::Unreachable { .. }
            | Self::Interrupted { .. }
            | Self::TooSlow { .. }
            | Self::NoAnswer { .. }
            | Self::SizeMismatch { .. }
            | Self::Changed
            | Self::ToolFailed { .. }
            | Self::ToolKilled { .. }
            | Self::Tool { .. }
            | Self::NoSpace { .. }
            | Self::Io(_) => true,
            Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::NoSuchHost { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRedirects { .. }
            | Self::ToolMissing { .. }
            | Self::Setup(_) => false,
        }
    }

    /// The error of a file operation on `path`.
    pub(crate) fn io(path: &std::path::Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace { path: path.to_owned(), source }
            }
            _ => Self::Io(source),
        }
    }
}

impl From<Refusal> for Error {
    fn from(reason: Refusal) -> Self {
        Self::Forbidden { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_troubles() {
        let of = |kind: io::ErrorKind| Error::io("/a".as_ref(), kind.into());
        assert!(matches!(of(io::ErrorKind::StorageFull), Error::NoSpace { .. }));
        assert!(matches!(of(io::ErrorKind::QuotaExceeded), Error::NoSpace { .. }));
        assert!(matches!(of(io::ErrorKind::PermissionDenied), Error::Io(_)));
    }
}
