//! Task queues: one per kind of resource, so that each scales by itself.

use std::{fmt, str::FromStr};

/// A task queue. Its name is what operators type after `--queues`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskQueue {
    /// The workflows themselves.
    VideoWorkflows,
    /// Fetching sources; bound by the network.
    Download,
    /// Probing; bound by the disk.
    Metadata,
    /// Thumbnails, sprites, previews, waveforms; short and bound by the CPU.
    Thumbnail,
    /// Scene detection; bound by the CPU.
    Scenes,
    /// Encoding; bound by the CPU.
    Transcode,
    /// Packaging, verifying, publishing, cleaning up; bound by the disk.
    Playlist,
    /// Catalogue updates and webhooks; bound by the network.
    Notify,
}

impl TaskQueue {
    /// Every queue.
    pub const ALL: [Self; 8] = [
        Self::VideoWorkflows,
        Self::Download,
        Self::Metadata,
        Self::Thumbnail,
        Self::Scenes,
        Self::Transcode,
        Self::Playlist,
        Self::Notify,
    ];

    /// The queue's name in Temporal.
    pub fn name(self) -> &'static str {
        match self {
            Self::VideoWorkflows => "video-workflows",
            Self::Download => "download",
            Self::Metadata => "metadata",
            Self::Thumbnail => "thumbnail",
            Self::Scenes => "scenes",
            Self::Transcode => "transcode",
            Self::Playlist => "playlist",
            Self::Notify => "notify",
        }
    }
}

impl fmt::Display for TaskQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not a queue's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a queue; the queues are {known}", known = TaskQueue::ALL.map(TaskQueue::name).join(", "))]
pub struct UnknownQueue(String);

impl FromStr for TaskQueue {
    type Err = UnknownQueue;

    fn from_str(text: &str) -> Result<Self, UnknownQueue> {
        let found = Self::ALL.into_iter().find(|queue| queue.name() == text);
        found.ok_or_else(|| UnknownQueue(text.to_owned()))
    }
}
