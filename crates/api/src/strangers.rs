//! Unknown keys and the addresses that send them, so that guessing does not load the catalogue.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{extract::ConnectInfo, http::request::Parts};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use ring::digest::{SHA256, digest};

use crate::problem::Problem;

/// How long a key that was not found is not looked for again. None is ever made twice, so this only
/// matters when a catalogue is restored from a backup.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Keys remembered at most, and addresses counted before those that may call again are forgotten.
const ENTRIES_MAX: usize = 4096;

/// What is known of callers whose key was not found.
pub(crate) struct Strangers {
    /// Digests of keys, and when they were looked for.
    unknown: Mutex<HashMap<Vec<u8>, Instant>>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    per_minute: NonZeroU32,
}

impl Strangers {
    pub(crate) fn new(per_minute: u32) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        let addresses = RateLimiter::keyed(Quota::per_minute(per_minute));
        Self { unknown: Mutex::default(), addresses, per_minute }
    }

    /// True for a key that was looked for a moment ago, and was not there.
    pub(crate) fn knows(&self, text: &str) -> bool {
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.get(&digest_of(text)).is_some_and(|at| at.elapsed() < REMEMBERED)
    }

    /// Remembers that a key was looked for from `asked` on, and was not there.
    pub(crate) fn remember(&self, text: &str, asked: Instant) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() >= ENTRIES_MAX {
            unknown.retain(|_, at| at.elapsed() < REMEMBERED);
        }
        if unknown.len() >= ENTRIES_MAX {
            unknown.clear();
        }
        unknown.insert(digest_of(text), asked);
    }

    /// Counts one look into the catalogue that a caller causes, or refuses it.
    pub(crate) fn take(&self, request: &Parts) -> Result<(), Problem> {
        if self.addresses.len() >= ENTRIES_MAX {
            self.addresses.retain_recent();
        }
        self.addresses.check_key(&address(request)).map_err(|full| {
            let wait = full.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Problem::too_many_unknown_keys(self.per_minute.get(), seconds.max(1))
        })
    }
}

/// Who calls, as far as one network has one owner: an IPv4 address, or the 64 bits that a customer of
/// a provider has of IPv6. Callers whose address is not known share one.
fn address(request: &Parts) -> IpAddr {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    match peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical()) {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

fn digest_of(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn from(address: &str) -> Parts {
        let peer = ConnectInfo::<SocketAddr>(address.parse().unwrap());
        Request::builder().extension(peer).body(()).unwrap().into_parts().0
    }

    #[test]
    fn an_address_is_counted_for_itself() {
        let strangers = Strangers::new(2);
        let pass = |address| strangers.take(&from(address)).is_ok();
        assert!(pass("192.0.2.1:1") && pass("192.0.2.1:2") && !pass("192.0.2.1:3"));
        assert!(!pass("[::ffff:192.0.2.1]:1"), "the same address, written as IPv6");
        assert!(pass("192.0.2.2:1"));
        assert!(pass("[2001:db8::1]:1") && pass("[2001:db8::2]:1") && !pass("[2001:db8::3]:1"));
        assert!(pass("[2001:db8:0:1::1]:1"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let strangers = Strangers::new(1);
        for number in 0..3 * ENTRIES_MAX {
            strangers.remember(&format!("mr_{number}"), Instant::now());
        }
        assert!(strangers.unknown.lock().unwrap().len() <= ENTRIES_MAX);
        let last = format!("mr_{}", 3 * ENTRIES_MAX - 1);
        assert!(strangers.knows(&last) && !strangers.knows("mr_other"));
    }
}
