//! Keeps Temporal informed while an activity works, and ends the work when it is cancelled.
//!
//! Server-side cancellation reaches an activity only through its heartbeats, so one is sent every
//! second whatever the heartbeat time-out is.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::time::MissedTickBehavior;
use tracing::Instrument as _;

use crate::{
    failure::{self, Error},
    observe::Run,
};

/// How often a heartbeat is sent.
const BEAT: Duration = Duration::from_secs(1);

/// What a running activity knows about its run, and where it leaves its progress.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    attempt: u32,
    details: Arc<Mutex<serde_json::Value>>,
}

impl Pulse {
    /// The attempt at this activity, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Leaves progress for the next heartbeat.
    pub(crate) fn set(&self, details: &impl Serialize) {
        let value = serde_json::to_value(details).unwrap_or_default();
        *self.details.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// The pulse of a first attempt that nobody listens to.
    #[cfg(test)]
    pub(crate) fn still() -> Self {
        Self { attempt: 1, details: Arc::default() }
    }

    fn get(&self) -> serde_json::Value {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs `work` to its end, or drops it, and with it every child process, when it is cancelled.
pub(crate) async fn alive<T, F>(
    ctx: &ActivityContext,
    work: impl FnOnce(Pulse) -> F,
) -> Result<T, ActivityError>
where
    F: Future<Output = Result<T, Error>>,
{
    let pulse = Pulse { attempt: ctx.info().attempt, details: Arc::default() };
    let run = Run::start(ctx.info());
    let work = pin!(work(pulse.clone()).instrument(run.span()));
    match beating(ctx, &pulse, work).await? {
        Ok(output) => {
            run.succeeded();
            Ok(output)
        }
        Err(error) => {
            run.failed(&error);
            Err(failure::report(&error))
        }
    }
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
