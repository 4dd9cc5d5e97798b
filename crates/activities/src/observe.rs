//! Observes every run of an activity: its span, its log lines and its metrics.
//!
//! The span is an error-level one so that no log filter hides it: it is what gives every line that
//! is written inside it the video's id. Nothing here changes how a run ends.

use std::time::{Duration, Instant};

use contract::VideoId;
use metrics::{Gauge, counter, gauge, histogram};
use temporalio_common::RetryPolicy;
use temporalio_sdk::activities::ActivityInfo;
use tracing::{Span, field::Empty};

use crate::failure::{self, Error};

/// One run of an activity. Dropped before its end, it counts as cancelled: the worker is stopping.
pub(crate) struct Run {
    activity: String,
    span: Span,
    started: Instant,
    slots: Gauge,
    last_attempt: bool,
    counted: bool,
}

impl Run {
    pub(crate) fn start(info: &ActivityInfo) -> Self {
        let activity = info.activity_type.clone();
        let slots = gauge!("millrace_queue_slots_used", "queue" => info.task_queue.clone());
        slots.increment(1);
        let attempts_max = info.retry_policy.as_ref().map_or(0, RetryPolicy::maximum_attempts);
        Self {
            span: span(info),
            activity,
            started: Instant::now(),
            slots,
            last_attempt: attempts_max > 0 && info.attempt >= attempts_max,
            counted: false,
        }
    }

    /// The span that everything the run does happens in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn succeeded(mut self) {
        self.count("ok");
    }

    /// Counts a failure and logs it; Temporal, which handles it, keeps the same text. `again` when it
    /// is to be tried again.
    pub(crate) fn failed(mut self, error: &Error, again: bool) {
        let result = if again && !self.last_attempt { "retried" } else { "failed" };
        let code = error.code().as_str();
        let activity = self.activity.clone();
        let labels = [("activity", activity), ("code", code.into()), ("result", result.into())];
        counter!("millrace_activity_errors_total", &labels).increment(1);
        self.span.record("code", code);
        let chain = failure::chain(error);
        self.span
            .in_scope(|| tracing::warn!(code, result, error = chain, "an activity did not finish"));
        self.count(result);
    }

    fn count(&mut self, result: &'static str) {
        self.counted = true;
        self.span.record("result", result);
        let activity = self.activity.clone();
        counter!("millrace_activities_total", "activity" => activity.clone(), "result" => result)
            .increment(1);
        histogram!("millrace_activity_seconds", "activity" => activity)
            .record(self.started.elapsed());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.slots.decrement(1);
        if !self.counted {
            self.count("cancelled");
        }
    }
}

fn span(info: &ActivityInfo) -> Span {
    let span = tracing::error_span!(
        "activity",
        video = Empty,
        attempt = Empty,
        activity = info.activity_type,
        activity_attempt = info.attempt,
        queue = info.task_queue,
        chunk = Empty,
        result = Empty,
        code = Empty,
    );
    if let Some((video, attempt)) = info.workflow_id.as_deref().and_then(VideoId::of_workflow) {
        span.record("video", tracing::field::display(video));
        attempt.map(|attempt| span.record("attempt", attempt));
    }
    span
}

/// Counts an encoded chunk: how long it took, and how much media it is.
pub(crate) fn encoded(took: Duration, media_seconds: f64) {
    histogram!("millrace_chunk_encode_seconds").record(took);
    histogram!("millrace_chunk_media_seconds").record(media_seconds);
    histogram!("millrace_chunk_encode_ratio").record(took.as_secs_f64() / media_seconds);
}

/// Counts downloaded bytes of sources.
pub(crate) fn downloaded(bytes: u64) {
    counter!("millrace_downloaded_bytes_total").increment(bytes);
}
