//! Runs the workers' thread, and starts it again when it panicked: a fault in one dependency must not
//! end everything that the process does.

use std::{future::Future, time::Duration};

use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pauses before the thread is started again: the first doubles up to the longest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_mins(1) }
    }
}

/// How a thread's work ended that did not panic.
type Done<E> = Result<(), E>;

/// Runs `work` on a thread of its own, again and again as long as it panics, until `stop` is
/// cancelled. An error of its own is no panic, and is returned.
pub(crate) async fn supervise<F, E>(
    pauses: Pauses,
    stop: &CancellationToken,
    mut work: impl FnMut() -> F,
    unstartable: impl Fn(std::io::Error) -> E,
) -> Done<E>
where
    F: FnOnce() -> Done<E> + Send + 'static,
    E: Send + 'static,
{
    let mut pause = pauses.first;
    loop {
        let (done, wait) = tokio::sync::oneshot::channel();
        let (work, began) = (work(), Instant::now());
        std::thread::Builder::new()
            .name("workers".to_owned())
            .spawn(move || done.send(work()).ok())
            .map_err(&unstartable)?;
        // The sender is dropped unused by a panic only.
        if let Ok(result) = wait.await {
            return result;
        }
        if stop.is_cancelled() {
            return Ok(());
        }
        counter!("millrace_worker_restarts_total").increment(1);
        if began.elapsed() > pauses.longest {
            pause = pauses.first;
        }
        tracing::error!(?pause, "the workers' thread panicked and is started again");
        if sleeps_through(pause, stop.cancelled()).await {
            return Ok(());
        }
        pause = (pause * 2).min(pauses.longest);
    }
}

/// Waits; true when `ended` came first.
async fn sleeps_through(pause: Duration, ended: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => false,
        () = ended => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    const PAUSES: Pauses =
        Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(4) };

    /// Work that panics so many times before it ends with `last`.
    fn panicking(
        times: u32,
        last: Result<(), &'static str>,
        runs: &Arc<AtomicU32>,
    ) -> impl FnMut() -> Box<dyn FnOnce() -> Done<&'static str> + Send> {
        let runs = Arc::clone(runs);
        move || {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            Box::new(move || {
                assert!(run >= times, "as a fault in a dependency does");
                last
            })
        }
    }

    #[tokio::test]
    async fn a_thread_that_panics_is_started_again() {
        let (stop, runs) = (CancellationToken::new(), Arc::default());
        let work = panicking(5, Ok(()), &runs);
        let ended = supervise(PAUSES, &stop, work, |_| "no thread").await;
        assert_eq!((ended, runs.load(Ordering::SeqCst)), (Ok(()), 6));
        assert!(!stop.is_cancelled());
    }

    #[tokio::test]
    async fn an_error_of_its_own_ends_it() {
        let (stop, runs) = (CancellationToken::new(), Arc::default());
        let work = panicking(0, Err("a worker cannot go on"), &runs);
        let ended = supervise(PAUSES, &stop, work, |_| "no thread").await;
        assert_eq!((ended, runs.load(Ordering::SeqCst)), (Err("a worker cannot go on"), 1));
    }

    #[tokio::test]
    async fn a_stop_ends_it_during_a_pause() {
        let (stop, runs) = (CancellationToken::new(), Arc::default());
        let pauses = Pauses { first: Duration::from_hours(1), longest: Duration::from_hours(1) };
        let work = panicking(u32::MAX, Ok(()), &runs);
        let ending = async {
            while runs.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        let (ended, ()) = tokio::join!(supervise(pauses, &stop, work, |_| "no thread"), ending);
        assert_eq!(ended, Ok(()));
    }
}
