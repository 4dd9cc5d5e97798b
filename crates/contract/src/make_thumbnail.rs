//! Activity: makes the video's still picture.

use media::{options::ThumbnailOption, source::SourceFacts};
use serde::{Deserialize, Serialize};

use crate::{StoredSource, ThumbnailOutput, VideoId};

crate::activity!("make_thumbnail");

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
    pub option: ThumbnailOption,
}

/// The pictures in the store.
pub type Output = ThumbnailOutput;
