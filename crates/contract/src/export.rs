//! Where finished outputs are copied to.

use serde::{Deserialize, Serialize};

/// Where a video's outputs go once they are published. Holds no credentials: those are the
/// catalogue's. Everything in it is a key of the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Whose bucket it is.
    pub to: Destination,
    /// Folder of the master playlist and everything it names.
    pub outputs: String,
    /// Folder of the preview.
    pub preview: String,
    /// Folder of the chapters.
    pub chapters: String,
    /// Folder of the waveform.
    pub waveform: String,
    /// The thumbnail; its further sizes are next to it.
    pub thumbnail: String,
    /// The master copy; `None` leaves it where it is.
    pub mezzanine: Option<String>,
    /// Folder for progressive files, `{rung}.mp4` each; `mp4` in that of the outputs where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mp4: Option<String>,
}

/// Whose bucket outputs go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// The bucket `published` of our own store.
    Published,
    /// The buckets given with the video; their locations are sealed in the catalogue.
    Given,
}

impl Export {
    /// Everything that is for players, below one prefix of our own bucket `published`.
    pub fn published(prefix: &str) -> Self {
        Self {
            to: Destination::Published,
            outputs: prefix.to_owned(),
            preview: format!("{prefix}/preview"),
            chapters: format!("{prefix}/chapters"),
            waveform: format!("{prefix}/waveform"),
            thumbnail: format!("{prefix}/thumbnail.jpg"),
            mezzanine: None,
            mp4: None,
        }
    }

    /// The same with progressive files beside the master playlist.
    #[must_use]
    pub fn with_files_beside_the_master(self) -> Self {
        Self { mp4: Some(self.outputs.clone()), ..self }
    }

    /// The keys that workers on `RunPod` have always used, in the buckets the video came with.
    pub fn runpod(creator: &str, media: &str) -> Self {
        let outputs = format!("{creator}/hls/{media}");
        Self {
            to: Destination::Given,
            preview: format!("{outputs}/preview"),
            chapters: format!("{outputs}/chapters"),
            waveform: format!("{creator}/waveforms/{media}"),
            thumbnail: format!("{creator}/thumbnails/{media}/auto-generated.jpg"),
            mezzanine: Some(format!("{creator}/mezzanine/{media}/mezzanine.mp4")),
            mp4: None,
            outputs,
        }
    }
}
