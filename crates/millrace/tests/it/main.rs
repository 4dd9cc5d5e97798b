//! The whole product, as users run it: real Temporal, real ffmpeg, real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bad_input;
mod corpus;
mod crash;
mod hls;
mod ladder;
mod product;
mod sources;
mod transcode;
mod vlc;
