//! How each activity is called: queue, time limits, attempts and what is never retried.
//!
//! The only retry policies of the product. Nothing else retries, apart from the store client.

use std::time::Duration;

use contract::{ErrorCode, TaskQueue, text, video::Input};
use temporalio_common::{Priority, RetryPolicy};
use temporalio_sdk::{
    ActivityCancellationType, ActivityCloseTimeouts, ActivityOptions, WorkflowCancellationToken,
};

/// Codes that another try cannot change.
const NEVER_RETRIED: &[ErrorCode] = &[
    ErrorCode::SourceForbidden,
    ErrorCode::SourceNotFound,
    ErrorCode::SourceTooLarge,
    ErrorCode::UnsupportedMedia,
    ErrorCode::CorruptMedia,
    ErrorCode::NoStreams,
    ErrorCode::InvalidOptions,
    ErrorCode::ToolMissing,
];
/// Raised by the SDK when a result is larger than Temporal takes; trying again cannot help.
const PAYLOADS_TOO_LARGE: &str = "PayloadsTooLarge";

/// Limits of one activity call.
pub(crate) struct Call {
    queue: TaskQueue,
    start_to_close: Duration,
    heartbeat: Option<Duration>,
    attempts: u32,
    summary: String,
    /// From being scheduled to its end, all attempts included.
    in_all: Option<Duration>,
}

impl Call {
    pub(crate) fn begin() -> Self {
        Self::new(TaskQueue::Notify, 30, None, 0, "mark as transcoding")
    }

    pub(crate) fn download(from: &str) -> Self {
        Self::new(TaskQueue::Download, 6 * 3600, Some(30), 5, format!("download {from}"))
    }

    pub(crate) fn probe() -> Self {
        Self::new(TaskQueue::Metadata, 300, Some(30), 3, "read every packet")
    }

    pub(crate) fn normalize(media_seconds: f64, reasons: &str) -> Self {
        let limit = media_limit(media_seconds);
        Self::new(TaskQueue::Transcode, limit, Some(15), 3, format!("rewrite: {reasons}"))
    }

    /// One chunk may take twenty times its media, and ten minutes at least.
    pub(crate) fn chunk(media_seconds: f64, summary: String) -> Self {
        Self::new(TaskQueue::Transcode, media_limit(media_seconds), Some(15), 3, summary)
    }

    pub(crate) fn audio(media_seconds: f64, summary: String) -> Self {
        Self::new(TaskQueue::Transcode, media_limit(media_seconds), Some(15), 3, summary)
    }

    pub(crate) fn encoder() -> Self {
        Self::new(TaskQueue::Transcode, 60, Some(15), 2, "find out what encodes here")
    }

    pub(crate) fn watermark() -> Self {
        Self::new(TaskQueue::Transcode, 300, Some(15), 2, "draw the watermark")
    }

    pub(crate) fn loudness(media_seconds: f64, summary: String) -> Self {
        Self::new(TaskQueue::Transcode, media_limit(media_seconds), Some(15), 2, summary)
    }

    pub(crate) fn thumbnail() -> Self {
        Self::new(TaskQueue::Thumbnail, 600, Some(15), 2, "make the thumbnail")
    }

    pub(crate) fn sprites(media_seconds: f64) -> Self {
        let limit = media_limit(media_seconds);
        Self::new(TaskQueue::Thumbnail, limit, Some(15), 2, "make pictures for the time bar")
    }

    pub(crate) fn waveform(media_seconds: f64) -> Self {
        let limit = media_limit(media_seconds);
        Self::new(TaskQueue::Thumbnail, limit, Some(15), 2, "draw the waveform")
    }

    pub(crate) fn chapters(media_seconds: f64) -> Self {
        let limit = media_limit(media_seconds);
        Self::new(TaskQueue::Scenes, limit, Some(15), 2, "find chapters")
    }

    pub(crate) fn subtitles() -> Self {
        Self::new(TaskQueue::Metadata, 600, Some(15), 2, "extract subtitles")
    }

    /// Also limited from the moment it is scheduled, as its worker may be gone by then.
    pub(crate) fn mezzanine(media_seconds: f64) -> Self {
        let limit = media_limit(media_seconds);
        Self::new(TaskQueue::Transcode, limit, Some(15), 2, "encode the mezzanine").within(limit)
    }

    pub(crate) fn preview() -> Self {
        Self::new(TaskQueue::Playlist, 300, Some(15), 2, "make the preview").within(300)
    }

    pub(crate) fn mp4(media_seconds: f64, rung: &str) -> Self {
        let limit = media_limit(media_seconds);
        let summary = format!("join {rung} into one MP4");
        Self::new(TaskQueue::Playlist, limit, Some(15), 2, summary).within(limit)
    }

    pub(crate) fn package() -> Self {
        Self::new(TaskQueue::Playlist, 1800, Some(30), 3, "write playlists")
    }

    pub(crate) fn verify() -> Self {
        Self::new(TaskQueue::Playlist, 1800, Some(30), 2, "check everything that was made")
    }

    pub(crate) fn publish() -> Self {
        Self::new(TaskQueue::Playlist, 1800, Some(30), 3, "write the master playlist")
    }

    pub(crate) fn export(to: &str) -> Self {
        Self::new(TaskQueue::Playlist, 6 * 3600, Some(30), 5, format!("copy to {to}"))
    }

    pub(crate) fn clean_up(summary: &str) -> Self {
        Self::new(TaskQueue::Playlist, 1800, Some(30), 5, summary)
    }

    fn new(
        queue: TaskQueue,
        start_to_close_seconds: u64,
        heartbeat_seconds: Option<u64>,
        attempts: u32,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            queue,
            start_to_close: Duration::from_secs(start_to_close_seconds),
            heartbeat: heartbeat_seconds.map(Duration::from_secs),
            attempts,
            summary: summary.into(),
            in_all: None,
        }
    }

    fn within(mut self, seconds: u64) -> Self {
        self.in_all = Some(Duration::from_secs(seconds));
        self
    }

    /// The queue it goes to.
    pub(crate) fn queue(&self) -> TaskQueue {
        self.queue
    }

    /// The call's options for a job; `token` ends it together with its group.
    pub(crate) fn options(self, job: &Input, token: WorkflowCancellationToken) -> ActivityOptions {
        let priority = Priority::builder()
            .priority_key(u32::from(job.options.priority_key()))
            .fairness_key(text::fairness_key(&job.tenant))
            .build();
        let mut options = ActivityOptions::with_start_to_close_timeout(self.start_to_close)
            .task_queue(self.queue.name())
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .retry_policy(retry_policy(self.attempts))
            .priority(priority)
            .summary(text::summary(&self.summary))
            .build();
        if let Some(schedule_to_close) = self.in_all {
            options.close_timeouts = ActivityCloseTimeouts::ScheduleAndStartToClose {
                schedule_to_close,
                start_to_close: self.start_to_close,
            };
        }
        options.heartbeat_timeout = self.heartbeat;
        options.cancellation_token = Some(token);
        options
    }
}

/// Exponential backoff from one second to one minute; 0 attempts means without end.
fn retry_policy(attempts: u32) -> RetryPolicy {
    let never = NEVER_RETRIED.iter().map(|code| code.as_str()).chain([PAYLOADS_TOO_LARGE]);
    RetryPolicy::builder()
        .initial_interval(Duration::from_secs(1))
        .backoff_coefficient(2.0)
        .maximum_interval(Duration::from_mins(1))
        .maximum_attempts(attempts)
        .non_retryable_error_types(never)
        .build()
}

fn media_limit(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a duration in seconds"
    )]
    let twenty_fold = (seconds * 20.0).ceil().max(0.0) as u64;
    twenty_fold.max(600)
}
