//! The whole product, as users run it: real Temporal, real ffmpeg, real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bad_input;
mod browser;
mod chromium;
mod collector;
mod compat;
mod corpus;
mod crash;
mod degraded;
mod doctor;
mod features;
mod hls;
mod ladder;
mod lifecycle;
mod logs;
mod look;
mod many;
mod metrics;
mod page;
mod product;
mod schema;
mod sources;
mod traces;
mod transcode;
mod uploads;
mod vlc;
mod webhooks;
