//! Activity: turns the text subtitles of the source into renditions.

use media::source::SourceFacts;
use serde::{Deserialize, Serialize};

use crate::{StoredSource, SubtitleOutput, VideoId, Warning};

crate::activity!("extract_subtitles");

/// The input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// The source in the store.
    pub source: StoredSource,
    /// What the probe found, the subtitle tracks among it.
    pub facts: SourceFacts,
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// One rendition per text track, in stream order.
    pub tracks: Vec<SubtitleOutput>,
    /// Tracks that could not be turned into text.
    pub warnings: Vec<Warning>,
}
