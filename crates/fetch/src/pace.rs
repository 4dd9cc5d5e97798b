//! The minimum rate of a download: otherwise a server that sends a byte now and then could occupy a
//! slot for hours.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{Client, Error};

/// The minimum rate of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Bytes per second; 0 for no minimum.
    pub(crate) least: u64,
    /// Over how long it is measured.
    pub(crate) window: Duration,
}

impl Pace {
    /// Judges what arrived in `elapsed`, which is a window or more.
    pub(crate) fn judge(self, got: u64, elapsed: Duration) -> Result<(), Error> {
        if self.least == 0 || got as f64 >= self.least as f64 * elapsed.as_secs_f64() {
            return Ok(());
        }
        Err(Error::TooSlow { got, seconds: elapsed.as_secs_f64(), least: self.least })
    }
}

/// Judges how much has arrived in each window, at moments that others choose.
pub(crate) struct Judge {
    pace: Pace,
    since: Instant,
    done: u64,
}

impl Judge {
    /// `done` bytes are there before the first window.
    pub(crate) fn new(pace: Pace, done: u64, now: Instant) -> Self {
        Self { pace, since: now, done }
    }

    /// When the window ends.
    pub(crate) fn due(&self) -> Instant {
        self.since + self.pace.window
    }

    /// Takes the bytes that are there by now. Fewer than before are another part of the source.
    pub(crate) fn take(&mut self, done: u64, now: Instant) -> Result<(), Error> {
        let elapsed = now.duration_since(self.since);
        if elapsed < self.pace.window {
            return Ok(());
        }
        self.pace.judge(done.saturating_sub(self.done), elapsed)?;
        (self.since, self.done) = (now, done);
        Ok(())
    }
}

impl Client {
    /// Runs `work`, which brings a source and counts in `arrived` what is there of it, as long as at
    /// least [`Config::least_rate`](crate::Config::least_rate) arrives; else drops it.
    pub async fn while_it_moves<T>(
        &self,
        arrived: &AtomicU64,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let pace = self.pace();
        let mut work = std::pin::pin!(work);
        if pace.least == 0 {
            return Ok(work.await);
        }
        let mut before = arrived.load(Ordering::Relaxed);
        loop {
            let began = Instant::now();
            tokio::select! {
                result = &mut work => return Ok(result),
                () = sleep(pace.window) => {}
            }
            let now = arrived.load(Ordering::Relaxed);
            pace.judge(now.saturating_sub(before), began.elapsed())?;
            before = now;
        }
    }

    pub(crate) fn pace(&self) -> Pace {
        Pace { least: self.config.least_rate, window: self.config.rate_window }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { least: 1000, window: Duration::from_secs(10) };

    #[test]
    fn less_than_the_least_rate_is_named_with_its_numbers() {
        assert!(PACE.judge(10_000, Duration::from_secs(10)).is_ok());
        let slow = PACE.judge(9_999, Duration::from_secs(10)).unwrap_err();
        assert_eq!(
            slow.to_string(),
            "the server sent 9999 bytes in 10 s; at least 1000 a second are waited for \
             (--source-rate-min)"
        );
        assert!(slow.is_transient());
        let none = Pace { least: 0, ..PACE };
        assert!(none.judge(0, Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn each_window_is_judged_by_itself() {
        let began = Instant::now();
        let at = |second| began + Duration::from_secs(second);
        let mut judge = Judge::new(PACE, 0, began);
        for (second, done) in [(5, 1), (10, 20_000), (15, 20_001), (20, 30_000)] {
            assert!(judge.take(done, at(second)).is_ok(), "second {second}");
        }
        assert!(matches!(judge.take(30_001, at(30)), Err(Error::TooSlow { got: 1, .. })));
    }
}
