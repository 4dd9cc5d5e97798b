//! Waits at the start for services that do not answer yet: those of a deployment start in any order.
//!
//! Owns how long, how often and what is logged meanwhile. What is opened is the caller's business.

use std::time::Duration;

use tokio::time::Instant;

use crate::cli::StartArgs;

/// First pause between two tries; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause. A database that is out of connections is not asked more often by a whole fleet.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Longest span without a line in the log.
const QUIET: Duration = Duration::from_secs(10);

/// How long a start may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    since: Instant,
    /// `None` waits for ever.
    most: Option<Duration>,
}

impl Patience {
    /// Waits for so long from now on, whatever is waited for; with zero, everything is tried once.
    pub(crate) fn of(most: Duration) -> Self {
        Self { since: Instant::now(), most: Some(most) }
    }

    /// As the flags say.
    pub(crate) fn new(args: StartArgs) -> Self {
        let most = (args.seconds_max > 0).then(|| Duration::from_secs(args.seconds_max));
        Self { since: Instant::now(), most }
    }

    /// Tries until it works, until an error does not pass by itself, or until time is up; at least
    /// once.
    pub(crate) async fn reach<T>(
        self,
        service: &str,
        passes: impl Fn(&anyhow::Error) -> bool,
        mut attempt: impl AsyncFnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let (mut pause, mut logged) = (FIRST_PAUSE, None::<Instant>);
        loop {
            let error = match attempt().await {
                Ok(reached) => {
                    if logged.is_some() {
                        tracing::info!("the {service} answers");
                    }
                    return Ok(reached);
                }
                Err(error) if passes(&error) => error,
                Err(error) => return Err(error),
            };
            if let Some(most) = self.most
                && self.since.elapsed() + pause >= most
            {
                let waited = format!("the {service} has not answered within {} s", most.as_secs());
                return Err(if most.is_zero() { error } else { error.context(waited) });
            }
            if logged.is_none_or(|at| at.elapsed() >= QUIET) {
                tracing::warn!("waiting for the {service}: {error:#}");
                logged = Some(Instant::now());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether a catalogue or a store that refused may answer later.
pub(crate) fn may_answer_later(error: &anyhow::Error) -> bool {
    let catalog = error.downcast_ref().is_some_and(catalog::Error::is_transient);
    catalog || error.downcast_ref().is_some_and(storage::Error::is_transient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32) -> impl AsyncFnMut() -> anyhow::Result<u32> {
        let mut tried = 0;
        async move || {
            tried += 1;
            if tried > times { Ok(tried) } else { Err(anyhow::anyhow!("connection refused")) }
        }
    }

    #[tokio::test]
    async fn what_answers_late_is_reached() {
        for seconds_max in [0, 60] {
            let patience = Patience::new(StartArgs { seconds_max });
            assert_eq!(patience.reach("store", |_| true, failing(3)).await.unwrap(), 4);
        }
    }

    #[tokio::test]
    async fn time_is_up_for_everything_together_and_is_named() {
        let patience = Patience::new(StartArgs { seconds_max: 1 });
        let error = patience.reach("store", |_| true, failing(u32::MAX)).await.unwrap_err();
        let said = format!("{error:#}");
        assert_eq!(said, "the store has not answered within 1 s: connection refused");
        // The next service is tried once, and reached if it answers.
        let late = Patience { since: Instant::now(), most: Some(Duration::from_millis(1)) };
        assert!(late.reach("catalogue", |_| true, failing(1)).await.is_err());
        assert_eq!(late.reach("catalogue", |_| true, failing(0)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn what_does_not_pass_is_not_waited_for() {
        let patience = Patience::of(Duration::from_hours(1));
        assert!(patience.reach("store", |_| false, failing(1)).await.is_err());
    }
}
