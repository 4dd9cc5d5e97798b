//! The connections of a listener, and which one is closed when it is full.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::ConnectionLimits;

/// The open connections of a listener.
pub(super) struct Connections {
    limits: ConnectionLimits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Number of the next connection or wait, so that smaller ones are older.
    next: u64,
    /// Those without a request being answered, the longest wait first.
    waiting: BTreeMap<u64, Waiting>,
    /// How many are open, all together and by address.
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

struct Waiting {
    address: IpAddr,
    withdraw: CancellationToken,
}

/// A connection's place. Dropped, the place is free again.
pub(super) struct Seat {
    connections: Arc<Connections>,
    address: IpAddr,
    withdraw: CancellationToken,
    /// Number of its wait; `None` while a request is being answered.
    wait: Mutex<Option<u64>>,
}

/// A request being answered: its connection is not closed in favour of another one.
pub(super) struct Answer(Arc<Seat>);

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from this address. Where there is none, the connection that has
    /// waited longest for a request is closed; `None` when none is waiting.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let address = network(peer);
        let mut open = self.lock();
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.limits.per_address.get() {
            open.withdraw_oldest(|waiting| waiting.address == address)?;
        } else if open.all >= self.limits.all.get() {
            open.withdraw_oldest(|_| true)?;
        }
        open.all += 1;
        *open.by_address.entry(address).or_default() += 1;
        let withdraw = CancellationToken::new();
        let wait = open.wait(address, &withdraw);
        Some(Seat {
            connections: Arc::clone(self),
            address,
            withdraw,
            wait: Mutex::new(Some(wait)),
        })
    }
}

impl Open {
    fn wait(&mut self, address: IpAddr, withdraw: &CancellationToken) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, Waiting { address, withdraw: withdraw.clone() });
        number
    }

    /// Asks the oldest of those that match to close, and counts it as closed.
    fn withdraw_oldest(&mut self, matches: impl Fn(&Waiting) -> bool) -> Option<()> {
        let number = self.waiting.iter().find(|(_, waiting)| matches(waiting)).map(|(n, _)| *n)?;
        let waiting = self.waiting.remove(&number)?;
        self.leave(waiting.address);
        waiting.withdraw.cancel();
        Some(())
    }

    fn leave(&mut self, address: IpAddr) {
        self.all -= 1;
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Seat {
    /// Done when the connection has to close in favour of another one.
    pub(super) fn withdrawn(&self) -> WaitForCancellationFuture<'_> {
        self.withdraw.cancelled()
    }

    fn lock(&self) -> MutexGuard<'_, Option<u64>> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the connection until the answer has been sent.
    pub(super) fn answer(self: &Arc<Self>) -> Answer {
        let mut wait = self.lock();
        // One that was told to close while its request arrived is not there any more: its number
        // stays, and says that the connection no longer counts.
        *wait = wait.filter(|wait| self.connections.lock().waiting.remove(wait).is_none());
        drop(wait);
        Answer(Arc::clone(self))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let seat = &self.0;
        let mut wait = seat.lock();
        if wait.is_none() {
            *wait = Some(seat.connections.lock().wait(seat.address, &seat.withdraw));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let wait = self.lock().take();
        let mut open = self.connections.lock();
        // Where its wait is gone, it was told to close and does not count any more.
        if wait.is_none_or(|wait| open.waiting.remove(&wait).is_some()) {
            open.leave(self.address);
        }
    }
}

/// One customer's addresses count as one: a home has 64 bits of IPv6 for itself (RFC 6177).
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn connections(all: usize, per_address: usize) -> Arc<Connections> {
        let limit = |number| NonZeroUsize::new(number).unwrap();
        let limits = ConnectionLimits {
            all: limit(all),
            per_address: limit(per_address),
            ..ConnectionLimits::default()
        };
        Arc::new(Connections::new(limits))
    }

    fn admit(connections: &Arc<Connections>, address: &str) -> Option<Arc<Seat>> {
        connections.admit(address.parse().unwrap()).map(Arc::new)
    }

    #[test]
    fn the_longest_wait_makes_room() {
        let connections = connections(2, 2);
        let first = admit(&connections, "192.0.2.1").unwrap();
        let second = admit(&connections, "192.0.2.2").unwrap();
        let third = admit(&connections, "192.0.2.3").unwrap();
        assert!(first.withdraw.is_cancelled() && !second.withdraw.is_cancelled());
        drop(first);
        assert_eq!(connections.lock().all, 2);
        drop((second, third));
        let open = connections.lock();
        assert_eq!((open.all, open.waiting.len(), open.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn a_request_being_answered_is_not_cut_off() {
        let connections = connections(2, 2);
        let first = admit(&connections, "192.0.2.1").unwrap();
        let answer = first.answer();
        let second = admit(&connections, "192.0.2.2").unwrap();
        let other = second.answer();
        assert!(admit(&connections, "192.0.2.3").is_none());
        drop(answer);
        assert!(admit(&connections, "192.0.2.3").is_some());
        assert!(first.withdraw.is_cancelled() && !second.withdraw.is_cancelled());
        drop((other, first, second));
        assert_eq!(connections.lock().all, 0);
    }

    #[test]
    fn an_answer_after_the_withdrawal_changes_no_count() {
        let connections = connections(1, 1);
        let first = admit(&connections, "192.0.2.1").unwrap();
        let second = admit(&connections, "192.0.2.1").unwrap();
        drop(first.answer());
        drop(first);
        assert_eq!(connections.lock().all, 1);
        drop(second);
        assert_eq!(connections.lock().all, 0);
    }

    #[test]
    fn one_address_displaces_only_itself() {
        let connections = connections(10, 1);
        let other = admit(&connections, "192.0.2.9").unwrap();
        let first = admit(&connections, "2001:db8::1").unwrap();
        let _second = admit(&connections, "2001:db8::2").unwrap();
        assert!(first.withdraw.is_cancelled() && !other.withdraw.is_cancelled());
        let _mapped = admit(&connections, "::ffff:192.0.2.9").unwrap();
        assert!(other.withdraw.is_cancelled());
    }
}
