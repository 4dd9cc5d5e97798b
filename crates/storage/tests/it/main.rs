//! Both stores against one conformance suite, what only one of them can show, and scratch disk.
//!
//! The S3 half runs against a real server that the tests start.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its functions too")]

mod conformance;
mod external;
mod folder;
mod gate;
mod incoming;
mod s3;
mod s3_server;
mod scratch;
mod source;
