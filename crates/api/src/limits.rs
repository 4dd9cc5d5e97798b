//! Rate limits: a token bucket per key, in this process.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use catalog::ApiKey;
use contract::ApiKeyId;
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

use crate::problem::Problem;

/// The share of a minute's requests that may come in a burst.
const BURST_PART: u32 = 6;

/// The buckets of the keys that have been used.
#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<ApiKeyId, Arc<DefaultDirectRateLimiter>>>);

impl Limits {
    /// Counts one request of a key, or refuses it.
    pub(crate) fn take(&self, key: &ApiKey) -> Result<(), Problem> {
        let Some(per_minute) = key.requests_per_minute else { return Ok(()) };
        let bucket = {
            let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let bucket = buckets.entry(key.id);
            Arc::clone(bucket.or_insert_with(|| Arc::new(RateLimiter::direct(quota(per_minute)))))
        };
        bucket.check().map_err(|full| {
            let wait = full.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Problem::rate_limited(per_minute, seconds.max(1))
        })
    }
}

fn quota(per_minute: u32) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_minute(at_least_one(per_minute)).allow_burst(at_least_one(per_minute / BURST_PART))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_minute_allows_its_number_and_a_sixth_at_once() {
        let clock = FakeRelativeClock::default();
        let bucket = RateLimiter::direct_with_clock(quota(60), clock.clone());
        let pass = || (0..100).take_while(|_| bucket.check().is_ok()).count();
        assert_eq!(pass(), 10);
        clock.advance(Duration::from_millis(999));
        assert_eq!(pass(), 0);
        clock.advance(Duration::from_millis(1));
        assert_eq!(pass(), 1);
        clock.advance(Duration::from_mins(5));
        assert_eq!(pass(), 10);
        let bucket = RateLimiter::direct_with_clock(quota(1), clock);
        assert!(bucket.check().is_ok() && bucket.check().is_err());
    }
}
