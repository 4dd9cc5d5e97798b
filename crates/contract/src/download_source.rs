//! Activity: copies the source into the store.

use serde::{Deserialize, Serialize};

use crate::{Source, StoredSource, VideoId};

crate::activity!("download_source");

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// Where it is.
    pub source: Source,
}

/// Where it is now.
pub type Output = StoredSource;
