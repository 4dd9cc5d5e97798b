//! The crate from outside: bytes in, events out. `wire` is a publisher of our own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod chunks;
mod conversation;
mod handshake;
mod hostile;
mod limits;
mod oracle;
mod publishers;
mod recorded;
mod wire;
