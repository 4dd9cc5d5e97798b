//! Activity: rewrites a non-standard source, in one sequential pass, into one that can be cut.

use media::source::SourceFacts;
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

/// The well-formed intermediate in the store.
pub type Output = StoredSource;
