//! Keeps Temporal informed while an activity works, and ends the work when it is cancelled.
//!
//! Server-side cancellation reaches an activity only through its heartbeats, so one is sent every
//! second whatever the heartbeat time-out is. They also carry the count of failures from one try to
//! the next.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::{payload, tries};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use temporalio_sdk::activities::{ActivityContext, ActivityError, ActivityInfo};
use tokio::time::MissedTickBehavior;
use tracing::Instrument as _;

use crate::{
    failure::{self, Error},
    observe::Run,
    tally::{Tally, Verdict},
};

/// How often a heartbeat is sent.
const BEAT: Duration = Duration::from_secs(1);

/// The share of its time at which an activity is ended by itself, so that it counts as a failure of
/// the work: to Temporal, a time-out looks like a lost worker.
const OF_ITS_TIME: f64 = 0.95;

/// What a running activity knows about its run, and where it leaves its progress.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    attempt: u32,
    tally: Tally,
    details: Arc<Mutex<Value>>,
}

/// What the next try reads of a heartbeat.
#[derive(Debug, Default, Deserialize)]
struct Left {
    #[serde(default)]
    tally: Tally,
}

impl Pulse {
    /// The attempt at this activity, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What went wrong in earlier tries.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Leaves progress for the next heartbeat.
    pub(crate) fn set(&self, details: &impl Serialize) {
        let value = serde_json::to_value(details).unwrap_or_default();
        *self.details.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// The pulse of a first attempt that nobody listens to.
    #[cfg(test)]
    pub(crate) fn still() -> Self {
        Self { attempt: 1, tally: Tally::default(), details: Arc::default() }
    }

    /// Progress and tally: the heartbeat's one payload. Progress that is not an object lies in
    /// `done`.
    fn get(&self) -> Value {
        let details = self.details.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.tally == Tally::default() {
            return details;
        }
        let mut details = if details.is_object() { details } else { json!({"done": details}) };
        details["tally"] = json!(self.tally);
        details
    }
}

/// Runs `work` to its end, or drops it, and with it every child process, when it is cancelled.
pub(crate) async fn alive<T, F>(
    ctx: &ActivityContext,
    work: impl FnOnce(Pulse) -> F,
) -> Result<T, ActivityError>
where
    T: Serialize,
    F: Future<Output = Result<T, Error>>,
{
    let info = ctx.info();
    let mut pulse = Pulse { attempt: info.attempt, tally: left(ctx), details: Arc::default() };
    let run = Run::start(info);
    let limit = limit(ctx);
    let lost = lost(info, pulse.tally);
    let work = work(pulse.clone());
    let work = Box::pin(ffmpeg::within(limit.unwrap_or(media::budget::LONGEST), work));
    let work = async move {
        if let Some(lost) = lost {
            return Err(lost);
        }
        match limit {
            Some(limit) => {
                tokio::time::timeout(limit, work).await.unwrap_or(Err(Error::Overran { limit }))
            }
            None => work.await,
        }
    };
    let work = pin!(work.instrument(run.span()));
    let done = beating(ctx, &pulse, work).await?.and_then(fitting);
    let error = match done {
        Ok(output) => {
            run.succeeded();
            return Ok(output);
        }
        Err(error) => error,
    };
    let verdict = error.judge(&mut pulse.tally, tries::failures_max(&info.activity_type));
    // The failure's report takes the last heartbeat along.
    ctx.record_heartbeat(pulse.get()).await?;
    run.failed(&error, matches!(verdict, Verdict::Again(_)));
    Err(failure::report(&error, verdict))
}

/// An error for a call that has lost more workers than a call may.
fn lost(info: &ActivityInfo, tally: Tally) -> Option<Error> {
    let bounded = tries::failures_max(&info.activity_type) < u32::MAX;
    let tries = tally.in_earnest(info.attempt.saturating_sub(1));
    (bounded && tries >= tries::TRIES_MAX).then_some(Error::Lost { tries })
}

/// A result that the next steps can be given.
fn fitting<T: Serialize>(result: T) -> Result<T, Error> {
    match payload::bytes(&result) {
        bytes if bytes > payload::RESULT_BYTES_MAX => Err(Error::ResultTooLarge { bytes }),
        _ => Ok(result),
    }
}

/// The tally of the try before, if there was one that left any.
fn left(ctx: &ActivityContext) -> Tally {
    let details = ctx.heartbeat_details().deserialize::<Value>().ok().flatten();
    let left: Left = details.and_then(|left| serde_json::from_value(left).ok()).unwrap_or_default();
    left.tally
}

/// How long this try may take; without end for an activity that has no limit.
fn limit(ctx: &ActivityContext) -> Option<Duration> {
    // Both are the server's times: its clock need not agree with ours.
    let given = ctx.info().deadline?.duration_since(ctx.info().started_time?).ok()?;
    Some(given.mul_f64(OF_ITS_TIME))
}

/// Sends heartbeats until the work has ended; an error when it is to be given up before.
async fn beating<T>(
    ctx: &ActivityContext,
    pulse: &Pulse,
    mut work: Pin<&mut impl Future<Output = Result<T, Error>>>,
) -> Result<Result<T, Error>, ActivityError> {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            result = &mut work => return Ok(result),
            () = ctx.cancelled() => return Err(ActivityError::cancelled()),
            _ = beat.tick() => ctx.record_heartbeat(pulse.get()).await?,
        }
    }
}
