//! How many activities of each queue run at the same time in one process.

use std::{collections::BTreeMap, str::FromStr};

use contract::TaskQueue;

/// Activities at the same time, by queue.
#[derive(Clone, Debug)]
pub struct Slots {
    cores: usize,
    given: BTreeMap<TaskQueue, usize>,
}

/// A text that is not `queue=number`.
#[derive(Debug, thiserror::Error)]
pub enum BadSlots {
    /// No number, or zero.
    #[error("`{0}` is not slots: write queue=number, such as transcode=8")]
    Form(String),
    /// No such queue.
    #[error(transparent)]
    Queue(#[from] contract::UnknownQueue),
}

impl Slots {
    /// Defaults for a machine with so many cores, overridden by `given`.
    pub fn new(cores: usize, given: impl IntoIterator<Item = (TaskQueue, usize)>) -> Self {
        Self { cores, given: given.into_iter().collect() }
    }

    /// Slots of a queue.
    pub fn of(&self, queue: TaskQueue) -> usize {
        let default = match queue {
            // One of them is kept from a tenant that has all the others.
            TaskQueue::Download => 5,
            TaskQueue::Metadata | TaskQueue::Playlist => 4,
            TaskQueue::Thumbnail | TaskQueue::Scenes => 1,
            // Each encode is single-threaded.
            TaskQueue::Transcode => self.cores,
            TaskQueue::VideoWorkflows | TaskQueue::Notify => 16,
        };
        self.given.get(&queue).copied().unwrap_or(default).max(1)
    }
}

/// Reads `queue=number`.
pub fn parse(text: &str) -> Result<(TaskQueue, usize), BadSlots> {
    let bad = || BadSlots::Form(text.to_owned());
    let (queue, number) = text.split_once('=').ok_or_else(bad)?;
    let number = usize::from_str(number).ok().filter(|&number| number > 0).ok_or_else(bad)?;
    Ok((queue.parse()?, number))
}
