//! Flags of how a process starts and stops.

use std::time::Duration;

use clap::Args;

/// How long a start waits for the services it needs.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StartArgs {
    /// Seconds that a start waits, in all, for a catalogue, a store and a Temporal server that do not
    /// answer yet; 0 waits for ever.
    #[arg(
        id = "start_seconds_max",
        long = "start-seconds-max",
        env = "MILLRACE_START_SECONDS_MAX",
        default_value_t = 300
    )]
    pub(crate) seconds_max: u64,
}

/// How workers stop.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DrainArgs {
    /// Seconds that running work may take to finish once the process is asked to stop (SIGTERM or
    /// SIGINT); it takes no new work then. What is not finished by then is done again elsewhere. A
    /// second signal stops at once.
    #[arg(
        id = "drain_seconds",
        long = "drain-seconds",
        env = "MILLRACE_DRAIN_SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(..=86_400)
    )]
    seconds: u64,
}

impl DrainArgs {
    /// How long running work may go on.
    pub(crate) fn limit(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
