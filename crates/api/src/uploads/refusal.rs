//! What is refused about an upload: the kinds a client can tell apart, with status and name.

use axum::http::StatusCode;

use crate::problem::{Problem, Row};

/// Why a call on an upload was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Header,
    MediaType,
    Version,
    NotFound,
    Locked,
    Offset,
    Checksum,
    TooLarge,
    NoSpace,
    TooMany,
    Incomplete,
    InUse,
    NotPresigned,
    BrokeOff,
}

impl Refusal {
    /// The problem of this kind, with what happened this time.
    pub(crate) fn because(self, detail: impl Into<String>) -> Problem {
        Problem::of(self.row(), detail)
    }

    fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Self::Header => (S::BAD_REQUEST, "invalid-header", "A header is missing or wrong"),
            Self::MediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "not-bytes-of-a-file",
                "The body must be bytes of a file",
            ),
            Self::Version => {
                (S::PRECONDITION_FAILED, "unsupported-tus-version", "The tus version is not spoken")
            }
            Self::NotFound => (S::NOT_FOUND, "upload-not-found", "There is no such upload"),
            Self::Locked => (S::LOCKED, "upload-locked", "Somebody else sends to the upload"),
            Self::Offset => (S::CONFLICT, "offset-mismatch", "The upload stands at another offset"),
            Self::Checksum => (
                S::from_u16(460).expect("460 is a status, of tus"),
                "checksum-mismatch",
                "The bytes are not those of the checksum",
            ),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "upload-too-large", "The file is too large"),
            Self::NoSpace => {
                (S::INSUFFICIENT_STORAGE, "insufficient-storage", "There is no room for the file")
            }
            Self::TooMany => {
                (S::TOO_MANY_REQUESTS, "too-many-uploads", "Too many bytes are on their way")
            }
            Self::Incomplete => (S::CONFLICT, "upload-incomplete", "The file is not there yet"),
            Self::InUse => (S::CONFLICT, "upload-in-use", "A video is being made of the upload"),
            Self::NotPresigned => {
                (S::CONFLICT, "another-way", "The bytes of this upload go another way")
            }
            Self::BrokeOff => (S::BAD_REQUEST, "body-broke-off", "The body broke off"),
        }
    }
}

/// The problem of a file that the disk has no room for; any other error as it is.
pub(super) fn full(error: storage::Error) -> Problem {
    match error {
        storage::Error::NoSpace { .. } | storage::Error::DiskFull { .. } => {
            tracing::warn!(%error, "an upload is refused");
            Refusal::NoSpace.because("the server's disk is too full for it; try again later")
        }
        error => error.into(),
    }
}
