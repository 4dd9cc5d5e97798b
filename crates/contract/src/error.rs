//! The closed list of reasons a video fails or is less than was asked.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Why something failed. Programs branch on this, people read the message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as written in the API and as Temporal's failure type.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// The URL may not be fetched: not public, wrong scheme, or the server refuses.
    SourceForbidden = "source_forbidden",
    /// There is nothing at the URL.
    SourceNotFound = "source_not_found",
    /// The source is larger than allowed.
    SourceTooLarge = "source_too_large",
    /// The server does not answer, answers with an error, or breaks off.
    SourceUnavailable = "source_unavailable",
    /// ffmpeg cannot read this container or codec.
    UnsupportedMedia = "unsupported_media",
    /// The source is damaged beyond use.
    CorruptMedia = "corrupt_media",
    /// The source has neither pictures nor sound.
    NoStreams = "no_streams",
    /// The options cannot be met.
    InvalidOptions = "invalid_options",
    /// What was made did not pass the checks; nothing was published.
    OutputInvalid = "output_invalid",
    /// A disk is full.
    NoSpace = "no_space",
    /// A program that is needed is not installed.
    ToolMissing = "tool_missing",
    /// The object store does not answer or refuses.
    StoreUnavailable = "store_unavailable",
    /// The place the finished video was to be copied to refuses, or cannot be reached.
    ExportFailed = "export_failed",
    /// The catalogue does not answer or refuses.
    CatalogUnavailable = "catalog_unavailable",
    /// The encoder crashed or stopped making progress.
    EncoderFailed = "encoder_failed",
    /// A webhook's receiver did not accept a message.
    DeliveryFailed = "delivery_failed",
    /// A step exceeded its time limit.
    TimedOut = "timed_out",
    /// The video was cancelled.
    Cancelled = "cancelled",
    /// A rung above the source was left out (a warning).
    RungDropped = "rung_dropped",
    /// Parts of the source could not be read (a warning).
    DamagedMedia = "damaged_media",
    /// An option does not apply to this source (a warning).
    OptionNotMet = "option_not_met",
    /// No worker has the requested encoder; another was used (a warning).
    EncoderUnavailable = "encoder_unavailable",
    /// A workflow was not started by this service: nothing was done.
    Unauthorized = "unauthorized",
    /// A fault of Millrace itself.
    Internal = "internal",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not an error code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an error code")]
pub struct UnknownCode(String);

impl FromStr for ErrorCode {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.iter().copied().find(|code| code.as_str() == text);
        found.ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

/// Why a video failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what happened and what to do.
    pub message: String,
}

/// Something that could not be made as requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// The step that found it, such as `plan`.
    pub step: String,
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}
