//! Activity: writes chapters: those of the source, or one per scene.

use media::{options::ChaptersOption, source::SourceFacts};
use serde::{Deserialize, Serialize};

use crate::{ChaptersOutput, StoredSource, VideoId};

crate::activity!("make_chapters");

/// The source and how to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
    /// What the probe found.
    pub facts: SourceFacts,
    /// How scenes are found; without it, the source's own chapters are used.
    pub option: Option<ChaptersOption>,
}

/// The chapters in the store.
pub type Output = ChaptersOutput;
