//! The connections of a listener, and which one is closed when it is full.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::ConnectionLimits;

/// Connections beyond the limit, kept for those who ask how the process is.
const RESERVE: usize = 16;

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
    /// Those beyond the limit, the oldest first.
    reserve: BTreeMap<u64, CancellationToken>,
    /// How many are open within the limit, all together and by address.
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
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// No request is being answered; the number of this wait.
    Waits(u64),
    Answers,
    /// Beyond the limit, under this number.
    Reserve(u64),
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
    /// waited longest for a request is closed. Where none is waiting, the place is one of the
    /// reserve, whose oldest connection is closed once it is full.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Seat {
        let address = network(peer);
        let mut open = self.lock();
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        let room = if of_address >= self.limits.per_address.get() {
            open.withdraw_oldest(|waiting| waiting.address == address)
        } else {
            open.all < self.limits.all.get() || open.withdraw_oldest(|_| true)
        };
        let withdraw = CancellationToken::new();
        let state = if room { open.enter(address, &withdraw) } else { open.reserve(&withdraw) };
        Seat { connections: Arc::clone(self), address, withdraw, state: Mutex::new(state) }
    }
}

impl Open {
    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn enter(&mut self, address: IpAddr, withdraw: &CancellationToken) -> State {
        self.all += 1;
        *self.by_address.entry(address).or_default() += 1;
        self.wait(address, withdraw)
    }

    fn wait(&mut self, address: IpAddr, withdraw: &CancellationToken) -> State {
        let number = self.number();
        self.waiting.insert(number, Waiting { address, withdraw: withdraw.clone() });
        State::Waits(number)
    }

    fn reserve(&mut self, withdraw: &CancellationToken) -> State {
        if self.reserve.len() >= RESERVE
            && let Some((_, oldest)) = self.reserve.pop_first()
        {
            oldest.cancel();
        }
        let number = self.number();
        self.reserve.insert(number, withdraw.clone());
        State::Reserve(number)
    }

    /// Asks the oldest of those that match to close, and counts it as closed. False without one.
    fn withdraw_oldest(&mut self, matches: impl Fn(&Waiting) -> bool) -> bool {
        let oldest = self.waiting.iter().find(|(_, waiting)| matches(waiting)).map(|(n, _)| *n);
        let Some(waiting) = oldest.and_then(|number| self.waiting.remove(&number)) else {
            return false;
        };
        self.leave(waiting.address);
        waiting.withdraw.cancel();
        true
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True for a place of the reserve.
    pub(super) fn is_reserve(&self) -> bool {
        matches!(*self.lock(), State::Reserve(_))
    }

    /// Keeps the connection until the answer has been sent. One of the reserve may still be closed.
    pub(super) fn answer(self: &Arc<Self>) -> Answer {
        let mut state = self.lock();
        // One that was told to close while its request arrived is not there any more: its number
        // stays, and says that the connection no longer counts.
        if let State::Waits(number) = *state
            && self.connections.lock().waiting.remove(&number).is_some()
        {
            *state = State::Answers;
        }
        drop(state);
        Answer(Arc::clone(self))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let seat = &self.0;
        let mut state = seat.lock();
        if *state == State::Answers {
            *state = seat.connections.lock().wait(seat.address, &seat.withdraw);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let state = *self.lock();
        let mut open = self.connections.lock();
        let counts = match state {
            // Where its wait is gone, it was told to close and does not count any more.
            State::Waits(number) => open.waiting.remove(&number).is_some(),
            State::Answers => true,
            State::Reserve(number) => {
                open.reserve.remove(&number);
                false
            }
        };
        if counts {
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

    fn admit(connections: &Arc<Connections>, address: &str) -> Arc<Seat> {
        Arc::new(connections.admit(address.parse().unwrap()))
    }

    #[test]
    fn the_longest_wait_makes_room() {
        let connections = connections(2, 2);
        let first = admit(&connections, "192.0.2.1");
        let second = admit(&connections, "192.0.2.2");
        let third = admit(&connections, "192.0.2.3");
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
        let first = admit(&connections, "192.0.2.1");
        let answer = first.answer();
        let second = admit(&connections, "192.0.2.2");
        let other = second.answer();
        assert!(admit(&connections, "192.0.2.3").is_reserve());
        drop(answer);
        assert!(!admit(&connections, "192.0.2.3").is_reserve());
        assert!(first.withdraw.is_cancelled() && !second.withdraw.is_cancelled());
        drop((other, first, second));
        assert_eq!(connections.lock().all, 0);
    }

    #[test]
    fn an_answer_after_the_withdrawal_changes_no_count() {
        let connections = connections(1, 1);
        let first = admit(&connections, "192.0.2.1");
        let second = admit(&connections, "192.0.2.1");
        drop(first.answer());
        drop(first);
        assert_eq!(connections.lock().all, 1);
        drop(second);
        assert_eq!(connections.lock().all, 0);
    }

    #[test]
    fn the_oldest_of_the_reserve_makes_room_even_while_it_is_answered() {
        let connections = connections(1, 1);
        let within = admit(&connections, "192.0.2.1");
        let answer = within.answer();
        let beyond: Vec<_> = (0..=RESERVE).map(|_| admit(&connections, "192.0.2.1")).collect();
        let answered: Vec<_> = beyond.iter().map(Seat::answer).collect();
        assert!(beyond.iter().all(|seat| seat.is_reserve()));
        let closed = |seat: &Arc<Seat>| seat.withdraw.is_cancelled();
        assert!(closed(&beyond[0]) && !beyond[1..].iter().any(closed) && !closed(&within));
        drop((answered, beyond));
        assert!(connections.lock().reserve.is_empty());
        drop((answer, within));
        assert_eq!(connections.lock().all, 0);
    }

    #[test]
    fn one_address_displaces_only_itself() {
        let connections = connections(10, 1);
        let other = admit(&connections, "192.0.2.9");
        let first = admit(&connections, "2001:db8::1");
        let _second = admit(&connections, "2001:db8::2");
        assert!(first.withdraw.is_cancelled() && !other.withdraw.is_cancelled());
        let _mapped = admit(&connections, "::ffff:192.0.2.9");
        assert!(other.withdraw.is_cancelled());
    }
}
