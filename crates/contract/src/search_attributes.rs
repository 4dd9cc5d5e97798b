//! Search attributes of the workflows, to be registered before the first run.

/// The video's status, a keyword.
pub const STATUS: &str = "MillraceStatus";
/// The tenant that owns the video, a keyword.
pub const TENANT: &str = "MillraceTenant";
/// Kind of source, a keyword.
pub const SOURCE_KIND: &str = "MillraceSourceKind";
/// Length in seconds, a floating-point number.
pub const DURATION_SECONDS: &str = "MillraceDurationSeconds";

/// Type of a search attribute, as Temporal's command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An exact text.
    Keyword,
    /// A floating-point number.
    Double,
}

impl Kind {
    /// The name the command line takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyword => "Keyword",
            Self::Double => "Double",
        }
    }
}

/// Every attribute with its type.
pub const ALL: [(&str, Kind); 4] = [
    (STATUS, Kind::Keyword),
    (TENANT, Kind::Keyword),
    (SOURCE_KIND, Kind::Keyword),
    (DURATION_SECONDS, Kind::Double),
];
