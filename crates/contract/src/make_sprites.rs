//! Activity: makes the small pictures for the player's time bar.

use media::{options::SpritesOption, source::SourceFacts};
use serde::{Deserialize, Serialize};

use crate::{SpritesOutput, StoredSource, VideoId};

crate::activity!("make_sprites");

/// The source and how to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
    /// What the probe found.
    pub facts: SourceFacts,
    /// What was requested.
    pub option: SpritesOption,
}

/// The pictures and their index in the store.
pub type Output = SpritesOutput;
