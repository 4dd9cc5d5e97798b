//! What can go wrong behind a call.

use contract::VideoId;

/// Any underlying error, kept as the source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why something behind a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalogue failed or refused.
    #[error("the catalogue cannot be used")]
    Catalog(#[source] catalog::Error),
    /// The object store failed or refused.
    #[error("the object store cannot be used")]
    Store(#[source] storage::Error),
    /// Temporal does not answer.
    #[error("Temporal does not answer")]
    TemporalUnavailable(#[source] BoxError),
    /// Temporal refuses the request; the same request will fail again.
    #[error("Temporal refuses")]
    TemporalRefused(#[source] BoxError),
    /// The workflow of a video could not be started.
    #[error("the workflow of video {video} cannot be started")]
    NotStarted {
        /// The video.
        video: VideoId,
        /// What Temporal said.
        #[source]
        source: Box<Error>,
    },
}

impl Error {
    /// Says whether the same call may succeed later without anything else being changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            Self::TemporalUnavailable(_) => true,
            Self::TemporalRefused(_) => false,
            Self::NotStarted { source, .. } => source.is_transient(),
        }
    }
}
