//! Tests of the API against a real Temporal server, a SQLite catalogue and a folder store.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its functions too")]

mod again;
mod auth;
mod browser;
mod deliveries;
mod document;
mod events;
mod fairness;
mod fake;
mod harness;
mod listener;
mod long_names;
mod one_bad_row;
mod page;
mod progress;
mod reconcile;
mod refusals;
mod secrets;
mod service;
mod silence;
mod tenants;
mod tus;
mod uploads;
mod uploads_end;
mod videos;
