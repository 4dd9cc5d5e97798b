//! The one place that decides what an error is called and whether another try may help.

use std::{error::Error as _, time::Duration};

use contract::ErrorCode;
use temporalio_sdk::{ApplicationFailure, activities::ActivityError};

use crate::{
    places::without_places,
    tally::{Blame, Tally, Verdict},
};

/// The pause in which the place goes to another tenant.
const NEXT_TURN: Duration = Duration::from_secs(1);

/// Why an activity did not finish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Ffmpeg(#[from] ffmpeg::Error),
    #[error(transparent)]
    Storage(#[from] storage::Error),
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The source, as it is in our store.
    #[error("the source cannot be read from the store")]
    Source(#[source] storage::Error),
    /// Less of something was read than there is.
    #[error("not all was read: {0}")]
    Read(String),
    #[error("{what} in the store is not what this version writes")]
    Unreadable {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("cannot use scratch space")]
    Scratch(#[from] std::io::Error),
    #[error("the encoder's output cannot be read")]
    Fragment(#[from] media::fmp4::Error),
    /// What prevents a removal now. Whatever it is, it may be fixed, and until then the objects
    /// still have to be removed.
    #[error(transparent)]
    NotRemoved(Box<Error>),
    /// An order that did not come from this service, or whose content was changed.
    #[error("{0} was not asked for by this service")]
    Unauthorized(&'static str),
    #[error("the video is still {status}")]
    StillRunning { status: contract::Status },
    #[error("the source cannot be read from the bucket that was given")]
    Given(#[source] storage::Error),
    #[error("the finished video cannot be copied to its destination")]
    Destination(#[source] storage::Error),
    #[error("the message cannot be written")]
    Unwritable {
        #[source]
        source: serde_json::Error,
    },
    #[error("the webhook's secret cannot sign: it is not `whsec_` and base64")]
    BadSecret,
    /// A webhook's receiver did not accept a message. Shown in Temporal, so it contains no URL.
    #[error("the receiver did not take the message{}", answered(*.http_status))]
    NotTaken { http_status: Option<u16>, again: Option<Duration> },
    #[error("the step took longer than the {} s it may take", limit.as_secs())]
    Overran { limit: Duration },
    /// Temporal would refuse it again and again.
    #[error("what the step found out about this source has {bytes} bytes; at most {most} are taken", most = contract::payload::RESULT_BYTES_MAX)]
    ResultTooLarge { bytes: usize },
    /// Others of the tenant are being fetched here, and the last place is for other tenants.
    #[error("{most} sources of this tenant are being fetched by this worker already")]
    NoTurn { most: usize },
    /// Temporal bounds tries too, but where turns are tries as well its bound is far away.
    #[error("its worker was lost again and again: the last of {tries} stopped answering")]
    Lost { tries: u32 },
    /// A finding about the media itself, in words for people.
    #[error("{message}")]
    Media { code: ErrorCode, message: String },
}

impl Error {
    pub(crate) fn media(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Media { code, message: message.into() }
    }

    /// The code users see.
    pub(crate) fn code(&self) -> ErrorCode {
        self.classify().0
    }

    /// Whether the same work may go better another time.
    pub(crate) fn is_transient(&self) -> bool {
        self.classify().1
    }

    /// What happens after it: `tally` counts it, and the call may see `work_max` failures of its work.
    pub(crate) fn judge(&self, tally: &mut Tally, work_max: u32) -> Verdict {
        if !self.is_transient() {
            return Verdict::Hopeless;
        }
        // Nothing went wrong, so no failure is counted.
        if matches!(self, Self::NoTurn { .. }) {
            tally.pass();
            return Verdict::Again(NEXT_TURN);
        }
        match (tally.count(self.blame(), work_max), self.pause()) {
            (Verdict::Again(_), Some(pause)) => Verdict::Again(pause),
            (verdict, _) => verdict,
        }
    }

    /// What it says something about.
    fn blame(&self) -> Blame {
        match self {
            Self::Ffmpeg(ffmpeg::Error::Killed { .. })
            | Self::Fetch(fetch::Error::ToolKilled { .. }) => Blame::Killer,
            Self::Ffmpeg(ffmpeg::Error::OutOfMemory { .. }) => Blame::Memory,
            Self::Ffmpeg(ffmpeg::Error::MemoryLimit { .. }) => Blame::Allowance,
            _ => match self.code() {
                ErrorCode::ToolMissing | ErrorCode::NoSpace => Blame::Machine,
                ErrorCode::StoreUnavailable | ErrorCode::CatalogUnavailable => Blame::Service,
                _ => Blame::Work,
            },
        }
    }

    /// The pause before the next try, where the error knows better than the tally.
    fn pause(&self) -> Option<Duration> {
        match self {
            Self::NotTaken { again, .. } => *again,
            _ => None,
        }
    }

    /// The code users see, and whether the same work may go better another time.
    fn classify(&self) -> (ErrorCode, bool) {
        match self {
            Self::Ffmpeg(error) => ffmpeg(error),
            Self::Storage(error) => storage(error),
            Self::Source(error) => source(error),
            Self::Read(_) => (ErrorCode::StoreUnavailable, true),
            Self::Fetch(error) => fetch(error),
            Self::Catalog(error) => (ErrorCode::CatalogUnavailable, error.is_transient()),
            // Its end is missing: what a store that breaks off sends.
            Self::Unreadable { source, .. } if source.is_eof() => {
                (ErrorCode::StoreUnavailable, true)
            }
            Self::Unreadable { .. } | Self::Unwritable { .. } | Self::BadSecret => {
                (ErrorCode::Internal, false)
            }
            Self::NotTaken { again, .. } => (ErrorCode::DeliveryFailed, again.is_some()),
            Self::Scratch(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                (ErrorCode::NoSpace, true)
            }
            Self::Scratch(_) | Self::StillRunning { .. } => (ErrorCode::Internal, true),
            Self::Unauthorized(_) => (ErrorCode::Unauthorized, false),
            Self::Overran { .. } | Self::NoTurn { .. } => (ErrorCode::TimedOut, true),
            Self::Fragment(_) => (ErrorCode::OutputInvalid, true),
            Self::NotRemoved(error) => (error.classify().0, true),
            Self::Given(error) => given(error),
            Self::Destination(error) => (ErrorCode::ExportFailed, error.is_transient()),
            Self::Lost { .. } => (ErrorCode::TimedOut, false),
            Self::ResultTooLarge { .. } => (ErrorCode::SourceTooLarge, false),
            Self::Media { code, .. } => (*code, *code == ErrorCode::OutputInvalid),
        }
    }
}

fn answered(http_status: Option<u16>) -> String {
    http_status.map(|status| format!(": it answers {status}")).unwrap_or_default()
}

fn ffmpeg(error: &ffmpeg::Error) -> (ErrorCode, bool) {
    use ffmpeg::Error as E;
    match error {
        E::ToolMissing { .. } => (ErrorCode::ToolMissing, true),
        E::DiskFull { .. } => (ErrorCode::NoSpace, true),
        E::InvalidData { .. } => (ErrorCode::CorruptMedia, false),
        E::NoStreams => (ErrorCode::NoStreams, false),
        E::PictureTooLarge { .. } | E::HeaderTooLarge => (ErrorCode::SourceTooLarge, false),
        E::MemoryLimit { .. } => (ErrorCode::SourceTooLarge, true),
        E::ProcessorLimit { .. } => (ErrorCode::TimedOut, true),
        E::UnsupportedCodec { .. } | E::Encrypted | E::UnacceptedFormat { .. } => {
            (ErrorCode::UnsupportedMedia, false)
        }
        E::OutputTooLarge { .. } => (ErrorCode::EncoderFailed, false),
        // ffmpeg reads nothing over a connection but our own store.
        E::InputLost { .. } => (ErrorCode::StoreUnavailable, true),
        _ => (ErrorCode::EncoderFailed, true),
    }
}

fn storage(error: &storage::Error) -> (ErrorCode, bool) {
    use storage::Error as E;
    match error {
        E::DiskFull { .. } | E::NoSpace { .. } => (ErrorCode::NoSpace, true),
        // Something we made ourselves: making it again may help.
        E::NotFound { .. } => (ErrorCode::OutputInvalid, true),
        E::InvalidKey { .. } | E::UnknownBucket { .. } => (ErrorCode::InvalidOptions, false),
        E::InvalidConfig { .. } => (ErrorCode::StoreUnavailable, false),
        // Also what it denies or refuses: credentials are renewed, proxies and stores are mended.
        _ => (ErrorCode::StoreUnavailable, true),
    }
}

/// The one object whose absence is the user's affair, and final.
fn source(error: &storage::Error) -> (ErrorCode, bool) {
    use storage::Error as E;
    match error {
        E::NotFound { .. } => (ErrorCode::SourceNotFound, false),
        E::Replaced { .. } => (ErrorCode::SourceUnavailable, false),
        error => storage(error),
    }
}

/// A bucket of the customer's is a source like any other address.
fn given(error: &storage::Error) -> (ErrorCode, bool) {
    use storage::Error as E;
    match error {
        E::Absent { .. } => (ErrorCode::SourceNotFound, false),
        E::TooLarge { .. } => (ErrorCode::SourceTooLarge, false),
        E::Forbidden { .. } | E::Denied { .. } => (ErrorCode::SourceForbidden, false),
        // The next try takes the new one.
        E::Replaced { .. } => (ErrorCode::SourceUnavailable, true),
        E::DiskFull { .. } | E::NoSpace { .. } => (ErrorCode::NoSpace, true),
        _ => (ErrorCode::SourceUnavailable, error.is_transient()),
    }
}

fn fetch(error: &fetch::Error) -> (ErrorCode, bool) {
    use fetch::Error as E;
    match error {
        E::Forbidden { .. } => (ErrorCode::SourceForbidden, false),
        E::NotFound { .. } | E::NoSuchHost { .. } => (ErrorCode::SourceNotFound, false),
        E::ToolMissing { .. } => (ErrorCode::ToolMissing, false),
        E::TooLarge { .. } => (ErrorCode::SourceTooLarge, false),
        E::NoSpace { .. } => (ErrorCode::NoSpace, true),
        _ => (ErrorCode::SourceUnavailable, error.is_transient()),
    }
}

/// An error with everything that caused it.
pub(crate) fn chain(error: &Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        // Transparent errors repeat themselves once.
        if !message.ends_with(&text) {
            message = format!("{message}: {text}");
        }
        source = inner.source();
    }
    message
}

/// Turns an error into what Temporal keeps and users see: the code as type, the whole chain as message,
/// without the places of this machine.
pub(crate) fn report(error: &Error, verdict: Verdict) -> ActivityError {
    let chain = |error| without_places(&chain(error));
    let (message, again) = match verdict {
        Verdict::Again(pause) => (chain(error), Some(pause)),
        Verdict::Enough(failures) if failures > 1 => {
            (format!("{}; given up after {failures} failures", chain(error)), None)
        }
        Verdict::Enough(_) | Verdict::Hopeless => (chain(error), None),
    };
    ApplicationFailure::builder(anyhow::anyhow!(contract::text::message(&message)))
        .type_name(error.code().as_str().to_owned())
        .non_retryable(again.is_none())
        .maybe_next_retry_delay(again)
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_away_uses_up_no_failure_of_the_work() {
        let (away, mut tally) = (Error::Read("nothing answers".to_owned()), Tally::default());
        assert_eq!(away.code(), ErrorCode::StoreUnavailable);
        for _ in 0..20 {
            assert!(matches!(away.judge(&mut tally, 2), Verdict::Again(_)), "{tally:?}");
        }
        let broken = Error::Overran { limit: Duration::from_secs(1) };
        assert!(matches!(broken.judge(&mut tally, 2), Verdict::Again(_)));
        assert_eq!(broken.judge(&mut tally, 2), Verdict::Enough(2));
    }
}
