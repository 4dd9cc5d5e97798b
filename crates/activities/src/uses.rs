//! What the work of each queue uses: a worker opens that, and nothing else.

use contract::TaskQueue;

/// Something that a worker opens, or a program that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The catalogue of videos, and with it the secret key.
    Catalog,
    /// The object store.
    Store,
    /// The store of master copies.
    Mezzanine,
    /// Scratch disk.
    Scratch,
    /// ffmpeg and ffprobe.
    Programs,
}

/// What the activities of a queue use.
pub fn uses(queue: TaskQueue) -> &'static [Part] {
    use Part::{Catalog, Mezzanine, Programs, Scratch, Store};
    match queue {
        TaskQueue::VideoWorkflows => &[],
        TaskQueue::Download => &[Catalog, Store, Scratch, Programs],
        TaskQueue::Metadata | TaskQueue::Thumbnail | TaskQueue::Scenes => {
            &[Store, Scratch, Programs]
        }
        TaskQueue::Transcode => &[Store, Mezzanine, Scratch, Programs],
        TaskQueue::Playlist => &[Catalog, Store, Mezzanine, Scratch, Programs],
        TaskQueue::Notify => &[Catalog],
    }
}
