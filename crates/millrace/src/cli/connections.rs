//! Flags of the HTTP listeners' limits.

use std::{num::NonZeroUsize, time::Duration};

use clap::Args;

/// How many clients may be connected.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// Open connections per listener; fewer if the limit of open files is lower.
    #[arg(
        id = "connections_max",
        long = "connections-max",
        env = "MILLRACE_CONNECTIONS_MAX",
        default_value = "4096"
    )]
    pub(crate) max: NonZeroUsize,
    /// Open connections per listener from one IPv4 address or IPv6 /64 network. Raise it if all
    /// clients connect through one proxy.
    #[arg(
        id = "connections_per_address",
        long = "connections-per-address",
        env = "MILLRACE_CONNECTIONS_PER_ADDRESS",
        default_value = "1024"
    )]
    pub(crate) per_address: NonZeroUsize,
    /// Seconds for the head of a request, or idle between two.
    #[arg(id = "head_seconds", long = "head-seconds-max", env = "MILLRACE_HEAD_SECONDS_MAX",
        default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) head_seconds: u64,
    /// Seconds without a byte of a request's body.
    #[arg(id = "body_seconds", long = "body-stall-seconds-max",
        env = "MILLRACE_BODY_STALL_SECONDS_MAX",
        default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) body_seconds: u64,
    /// Minimum bytes per second of a request's body, once it may have stalled.
    #[arg(
        id = "body_rate",
        long = "body-rate-min",
        env = "MILLRACE_BODY_RATE_MIN",
        default_value_t = 1024
    )]
    pub(crate) body_rate: u64,
    /// Seconds in which a client reads nothing of a response.
    #[arg(id = "write_seconds", long = "write-stall-seconds-max",
        env = "MILLRACE_WRITE_STALL_SECONDS_MAX",
        default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) write_seconds: u64,
}

impl ConnectionArgs {
    /// How long clients may take.
    pub(crate) fn timeouts(&self) -> api::Timeouts {
        api::Timeouts {
            head: Duration::from_secs(self.head_seconds),
            body: Duration::from_secs(self.body_seconds),
            body_rate: self.body_rate,
            write: Duration::from_secs(self.write_seconds),
            ..api::Timeouts::default()
        }
    }
}
