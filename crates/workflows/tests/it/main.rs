//! Workflow tests on a real Temporal server, with activities that follow a script.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "activities and clients run outside the workflow, where time and chance are allowed"
)]

mod bench;
mod deletion;
mod delivery;
mod enhancements;
mod large;
mod long_texts;
mod script;
mod video;
