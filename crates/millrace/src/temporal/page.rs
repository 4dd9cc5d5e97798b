//! Where Temporal's own web page listens, and where our proxy in front of it does.
//!
//! The page has neither users nor a check of who calls it, and no option for either, so it listens where
//! no web page finds it: a browser would have to look through 16 million addresses of this machine. Only
//! the door is told.

use std::net::{Ipv4Addr, TcpListener};

use uuid::Uuid;

/// Ports tried one after the other.
const TRIES: u16 = 100;

/// A loopback address that nobody can guess, where this machine has more than one (on Linux, all of
/// 127.0.0.0/8).
pub(crate) fn hidden_address() -> Ipv4Addr {
    // The last bytes of a `UUIDv7` are random.
    let [.., a, b, c] = Uuid::now_v7().into_bytes();
    let address = Ipv4Addr::new(127, a, b, c.clamp(1, 254));
    match TcpListener::bind((address, 0)) {
        Ok(_) => address,
        Err(_) => Ipv4Addr::LOCALHOST,
    }
}

/// Opens the proxy's listener on the first free port from `first` on.
pub(crate) async fn open_door(first: u16) -> anyhow::Result<tokio::net::TcpListener> {
    let last = first.saturating_add(TRIES);
    for port in first..last {
        if let Ok(listener) = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    anyhow::bail!("no free port from {first} to {last} for Temporal's page (--ui-port)")
}
