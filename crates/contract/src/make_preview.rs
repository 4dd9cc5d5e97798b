//! Activity: makes a short clip with its own playlist from finished segments.

use media::{options::PreviewOption, plan::Plan};
use serde::{Deserialize, Serialize};

use crate::{PreviewOutput, StoredSource, VideoId};

crate::activity!("make_preview");

/// The source and how to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video.
    pub video: VideoId,
    /// The source it was encoded from.
    pub source: StoredSource,
    /// The plan it was encoded by.
    pub plan: Plan,
    /// What was requested.
    pub option: PreviewOption,
}

/// The clip in the store.
pub type Output = PreviewOutput;
