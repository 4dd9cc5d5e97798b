//! Whether this worker can do the work of a queue at all: its programs are there and its disk has
//! room. One that cannot is to take no work, as it would fail every video of the queue.

use contract::TaskQueue;
use storage::Scratch;
use tracing::Instrument as _;

use crate::Deps;

impl Deps {
    /// Why this worker can do no work of a queue now, in words for operators; `None` when it can.
    ///
    /// Queues whose work can do without programs or scratch space are always served: what removes
    /// objects is needed most when the disk is full.
    pub fn unfit(&self, queue: TaskQueue) -> Option<String> {
        let (programs, scratch) = needs(queue);
        if programs && let Some(missing) = self.tools.missing() {
            return Some(format!("the program `{}` is not there", missing.display()));
        }
        scratch.then(|| short_of_space(&self.scratch)).flatten()
    }

    /// Does in advance what the first work of a queue would wait for.
    pub async fn warm_up(&self, queue: TaskQueue) {
        let tries = self.encoder != media::options::EncoderOption::X264;
        if queue != TaskQueue::Transcode || !tries {
            return;
        }
        // For no request, so that its child would be nobody's in a trace.
        let span = tracing::info_span!("warm_up", queue = queue.name());
        if let Err(error) = self.nvenc.trial(&self.tools).instrument(span).await {
            tracing::debug!(%error, "the graphics card was not tried");
        }
    }
}

/// Whether work of the queue runs ffmpeg, and whether it writes to scratch space.
fn needs(queue: TaskQueue) -> (bool, bool) {
    match queue {
        TaskQueue::Transcode | TaskQueue::Thumbnail | TaskQueue::Scenes => (true, true),
        TaskQueue::Metadata => (true, false),
        TaskQueue::Download => (false, true),
        TaskQueue::VideoWorkflows | TaskQueue::Playlist | TaskQueue::Notify => (false, false),
    }
}

fn short_of_space(scratch: &Scratch) -> Option<String> {
    scratch.check_reserve().err().map(|error| format!("scratch space cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::Studio;

    #[tokio::test]
    async fn a_missing_program_stops_what_needs_it() {
        let mut studio = Studio::open().await;
        studio.deps.tools.ffprobe = studio.folder.path().join("ffprobe");
        let unfit = |queue| studio.deps.unfit(queue).is_some();
        let found = TaskQueue::ALL.map(unfit);
        let right = TaskQueue::ALL.map(|queue| needs(queue).0);
        assert_eq!(found, right);
        assert!(studio.deps.unfit(TaskQueue::Metadata).unwrap().contains("ffprobe"));
    }

    #[tokio::test]
    async fn a_full_disk_stops_what_writes_to_it_and_nothing_that_removes() {
        let mut studio = Studio::open().await;
        assert_eq!(TaskQueue::ALL.map(|queue| studio.deps.unfit(queue)), [const { None }; 8]);
        studio.deps.scratch =
            Scratch::open(&studio.folder.path().join("full"), u64::MAX / 2).unwrap();
        let unfit = |queue| studio.deps.unfit(queue).is_some();
        assert!(unfit(TaskQueue::Transcode) && unfit(TaskQueue::Download));
        assert!(!unfit(TaskQueue::Playlist) && !unfit(TaskQueue::Metadata));
    }
}
