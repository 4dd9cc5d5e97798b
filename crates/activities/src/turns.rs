//! Turns of tenants at downloading: on each worker the last slot is kept from a tenant that has all
//! the others, so that no tenant waits behind the slow sources of another.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::failure::Error;

/// How long a download holds the last place while others of its tenant run. Then it is handed back,
/// and Temporal gives the place to the tenant whose turn it is.
const WAIT: Duration = Duration::from_secs(10);

/// The downloads of a worker, by tenant.
#[derive(Clone, Debug)]
pub struct Turns {
    /// Downloads of one tenant at the same time.
    most: usize,
    running: Arc<Mutex<BTreeMap<String, usize>>>,
    freed: Arc<Notify>,
}

/// A place among the downloads. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    tenant: String,
}

impl Turns {
    /// For a worker with so many places, of which one tenant gets all but one.
    pub fn new(places: usize) -> Self {
        let most = places.saturating_sub(1).max(1);
        Self { most, running: Arc::default(), freed: Arc::default() }
    }

    /// A place for a tenant; an error, after a while, when it has all that it may have.
    pub(crate) async fn take(&self, tenant: &str) -> Result<Turn, Error> {
        self.take_within(tenant, WAIT).await
    }

    async fn take_within(&self, tenant: &str, wait: Duration) -> Result<Turn, Error> {
        let give_up = Instant::now() + wait;
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // What is freed between the look and the wait is heard too.
            freed.as_mut().enable();
            if let Some(turn) = self.try_take(tenant) {
                return Ok(turn);
            }
            timeout_at(give_up, freed).await.map_err(|_| Error::NoTurn { most: self.most })?;
        }
    }

    fn try_take(&self, tenant: &str) -> Option<Turn> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(tenant.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Turn { turns: self.clone(), tenant: tenant.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.turns.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.tenant);
            }
        }
        drop(running);
        self.turns.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn one_place_is_kept_from_who_has_the_others() {
        let turns = Turns::new(3);
        let first = turns.take_within("many", SHORT).await.unwrap();
        let _second = turns.take_within("many", SHORT).await.unwrap();
        let third = turns.take_within("many", SHORT).await;
        assert!(matches!(third, Err(Error::NoTurn { most: 2 })), "{third:?}");
        let _other = turns.take_within("few", SHORT).await.unwrap();
        let waits = turns.take_within("many", Duration::from_mins(5));
        let frees = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (waited, ()) = tokio::join!(waits, frees);
        drop(waited.unwrap());
        assert_eq!(turns.running.lock().unwrap().values().sum::<usize>(), 2);
    }

    #[tokio::test]
    async fn a_single_place_goes_to_anybody() {
        let turns = Turns::new(1);
        drop(turns.take("one").await.unwrap());
        drop(turns.take("other").await.unwrap());
        assert!(turns.running.lock().unwrap().is_empty());
    }
}
