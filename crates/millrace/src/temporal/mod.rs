//! The Temporal server: our own child, or one that is already there.

mod client;
mod page;
mod server;

pub(crate) use client::{connect, from_environment, register_search_attributes};
pub(crate) use page::{hidden_address, open_door};
pub(crate) use server::{Server, Wish, version};
