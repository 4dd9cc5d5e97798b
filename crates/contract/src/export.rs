//! Where finished outputs are copied, besides their own place.

use serde::{Deserialize, Serialize};

/// Where a video's outputs go once they are published. Holds no credentials: those are the
/// catalogue's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Folder of the master playlist and everything it names.
    pub outputs: String,
}
