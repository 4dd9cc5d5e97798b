//! The whole product, as users run it: real Temporal, real ffmpeg, real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod addresses;
mod bad_input;
mod bounds;
mod browser;
mod chromium;
mod cluster;
mod collector;
mod compat;
mod compat_webhooks;
mod corpus;
mod crash;
mod degraded;
mod doctor;
mod door;
mod exchanges;
mod faults;
mod features;
mod forged;
mod hls;
mod inclusion;
mod kept;
mod ladder;
mod lifecycle;
mod logs;
mod look;
mod many;
mod metrics;
mod page;
mod page_actions;
mod page_keys;
mod page_uploads;
mod private;
mod product;
mod receiver;
mod schema;
mod sealed;
mod silence;
mod sources;
mod stuck;
mod traces;
mod transcode;
mod uploads;
mod vlc;
mod webhooks;
