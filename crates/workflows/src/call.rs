//! How each activity is called: queue, time limits, tries and what is never retried.
//!
//! The only retry policies of the product. They end a call after many tries, because most say nothing
//! about the work: its worker was stopped, killed or cut off. The activity counts failures of the work
//! itself and ends the call when there were enough (`contract::tries`).

use std::time::Duration;

use contract::{
    ErrorCode, TaskQueue, text,
    tries::{TRIES_MAX, TURNS_MAX},
    video::Input,
};
use media::{
    budget,
    plan::{AudioPlan, Plan},
};
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
];
/// Raised by the SDK when a result is larger than Temporal takes; trying again cannot help.
const PAYLOADS_TOO_LARGE: &str = "PayloadsTooLarge";

/// As many tries as it takes, in Temporal's terms.
const WITHOUT_END: u32 = 0;
/// Longest pause after a worker was lost: it doubles with every try, and lost workers are many where
/// machines come and go.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// What a step reads and works through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Seconds of media.
    pub(crate) seconds: f64,
    /// Bytes of the source.
    pub(crate) bytes: u64,
}

impl Extent {
    fn encode(self) -> Duration {
        budget::encode(self.seconds, self.bytes)
    }
}

/// Limits of one activity call.
pub(crate) struct Call {
    queue: TaskQueue,
    start_to_close: Duration,
    heartbeat: Option<Duration>,
    tries: u32,
    summary: String,
    /// From being scheduled to its end, all attempts included.
    in_all: Option<Duration>,
}

impl Call {
    pub(crate) fn begin() -> Self {
        let limit = Duration::from_secs(30);
        Self {
            tries: WITHOUT_END,
            ..Self::new(TaskQueue::Notify, limit, None, "mark as transcoding")
        }
    }

    pub(crate) fn download(from: &str) -> Self {
        let limit = Duration::from_hours(6);
        let summary = format!("download {from}");
        Self { tries: TURNS_MAX, ..Self::new(TaskQueue::Download, limit, Some(30), summary) }
    }

    pub(crate) fn probe(source_bytes: u64) -> Self {
        let limit = budget::read(source_bytes);
        Self::new(TaskQueue::Metadata, limit, Some(30), "read every packet")
    }

    pub(crate) fn normalize(of: Extent, reasons: &str) -> Self {
        let summary = format!("rewrite: {reasons}");
        Self::new(TaskQueue::Transcode, of.encode(), Some(15), summary)
    }

    /// A chunk of so many seconds that ends so far into the media.
    pub(crate) fn chunk(media_seconds: f64, end_seconds: f64, summary: String) -> Self {
        let limit = budget::encode_chunk(media_seconds, end_seconds);
        Self::new(TaskQueue::Transcode, limit, Some(15), summary)
    }

    pub(crate) fn audio(of: Extent, summary: String) -> Self {
        Self::new(TaskQueue::Transcode, of.encode(), Some(15), summary)
    }

    /// One trial of a few frames.
    pub(crate) fn encoder() -> Self {
        let limit = Duration::from_mins(1);
        Self::new(TaskQueue::Transcode, limit, Some(15), "find out what encodes here")
    }

    /// One picture of bounded size.
    pub(crate) fn watermark() -> Self {
        let limit = Duration::from_mins(5);
        Self::new(TaskQueue::Transcode, limit, Some(15), "draw the watermark")
    }

    pub(crate) fn loudness(of: Extent, summary: String) -> Self {
        Self::new(TaskQueue::Transcode, of.encode(), Some(15), summary)
    }

    /// Where seeking does not help, everything before the picture is decoded.
    pub(crate) fn thumbnail(of: Extent) -> Self {
        Self::new(TaskQueue::Thumbnail, of.encode(), Some(15), "make the thumbnail")
    }

    pub(crate) fn sprites(of: Extent) -> Self {
        Self::new(TaskQueue::Thumbnail, of.encode(), Some(15), "make pictures for the time bar")
    }

    pub(crate) fn waveform(of: Extent) -> Self {
        Self::new(TaskQueue::Thumbnail, of.encode(), Some(15), "draw the waveform")
    }

    pub(crate) fn chapters(of: Extent) -> Self {
        Self::new(TaskQueue::Scenes, of.encode(), Some(15), "find chapters")
    }

    pub(crate) fn subtitles(of: Extent) -> Self {
        Self::new(TaskQueue::Metadata, of.encode(), Some(15), "extract subtitles")
    }

    /// Also limited from the moment it is scheduled, as its worker may be gone by then.
    pub(crate) fn mezzanine(of: Extent) -> Self {
        let limit = of.encode();
        Self::new(TaskQueue::Transcode, limit, Some(15), "encode the mezzanine").within(limit)
    }

    pub(crate) fn preview(media_seconds: f64) -> Self {
        let limit = budget::every_segment(media_seconds, 1);
        Self::new(TaskQueue::Playlist, limit, Some(15), "make the preview").within(limit)
    }

    pub(crate) fn mp4(media_seconds: f64, rung: &str) -> Self {
        let limit = budget::encode(media_seconds, 0);
        let summary = format!("join {rung} into one MP4");
        Self::new(TaskQueue::Playlist, limit, Some(15), summary).within(limit)
    }

    pub(crate) fn package(plan: &Plan) -> Self {
        Self::new(TaskQueue::Playlist, every_segment(plan), Some(30), "write playlists")
    }

    pub(crate) fn verify(plan: &Plan) -> Self {
        let limit = every_segment(plan);
        Self::new(TaskQueue::Playlist, limit, Some(30), "check everything that was made")
    }

    pub(crate) fn publish(plan: &Plan) -> Self {
        Self::new(TaskQueue::Playlist, every_segment(plan), Some(30), "write the master playlist")
    }

    pub(crate) fn export(to: &str, plan: &Plan) -> Self {
        let limit = every_segment(plan) + Duration::from_hours(6);
        Self::new(TaskQueue::Playlist, limit, Some(30), format!("copy to {to}"))
    }

    pub(crate) fn clean_up(summary: &str) -> Self {
        Self::new(TaskQueue::Playlist, Duration::from_hours(2), Some(30), summary)
    }

    fn new(
        queue: TaskQueue,
        start_to_close: Duration,
        heartbeat_seconds: Option<u64>,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            queue,
            start_to_close,
            heartbeat: heartbeat_seconds.map(Duration::from_secs),
            tries: TRIES_MAX,
            summary: summary.into(),
            in_all: None,
        }
    }

    fn within(mut self, limit: Duration) -> Self {
        self.in_all = Some(limit);
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
            .retry_policy(retry_policy(self.tries))
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

/// Exponential backoff for tries that ended silently; failures come with a pause of their own.
fn retry_policy(tries: u32) -> RetryPolicy {
    let never = NEVER_RETRIED.iter().map(|code| code.as_str()).chain([PAYLOADS_TOO_LARGE]);
    RetryPolicy::builder()
        .initial_interval(Duration::from_secs(1))
        .backoff_coefficient(2.0)
        .maximum_interval(PAUSE_MAX)
        .maximum_attempts(tries)
        .non_retryable_error_types(never)
        .build()
}

fn every_segment(plan: &Plan) -> Duration {
    let video = plan.video.as_ref();
    let seconds = video.map_or(0.0, |video| video.grid.seconds(video.grid.frames));
    let sound = plan.audio.iter().map(audio_seconds).fold(seconds, f64::max);
    let renditions = video.map_or(0, |video| video.rungs.len())
        + plan.audio.iter().map(|track| track.bitrates.len()).sum::<usize>();
    budget::every_segment(sound, renditions)
}

/// How long a track of sound is.
pub(crate) fn audio_seconds(track: &AudioPlan) -> f64 {
    Duration::from_micros(track.duration_us.unsigned_abs()).as_secs_f64()
}
