//! Activity: reads the facts of a source, every packet's time included.

use media::source::SourceFacts;
use serde::{Deserialize, Serialize};

use crate::{StoredSource, VideoId};

crate::activity!("probe_source");

/// What to probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
}

/// What was found.
pub type Output = SourceFacts;
