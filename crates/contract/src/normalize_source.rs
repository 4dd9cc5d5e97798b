//! Activity: rewrites a non-standard source, in one sequential pass, into one that can be cut.

use media::{manifest::DecodedSource, source::SourceFacts};
use serde::{Deserialize, Serialize};

use crate::{StoredSource, VideoId};

crate::activity!("normalize_source");

/// What to rewrite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
    /// What the probe found.
    pub facts: SourceFacts,
}

/// The well-formed intermediate, and what was decoded to make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The intermediate in the store.
    #[serde(flatten)]
    pub source: StoredSource,
    /// What was decoded of the source; `None` where its packets were copied.
    #[serde(default)]
    pub decoded: Option<DecodedSource>,
}
