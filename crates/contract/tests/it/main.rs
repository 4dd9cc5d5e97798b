//! Tests of what crosses Temporal, as bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod goldens;
mod payloads;
