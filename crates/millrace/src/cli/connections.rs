//! Flags of the HTTP listeners' limits.

use std::num::NonZeroUsize;

use clap::Args;

/// How many clients may be connected.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// Connections that each listener holds at the same time; fewer where the file limit is lower.
    #[arg(
        id = "connections_max",
        long = "connections-max",
        env = "MILLRACE_CONNECTIONS_MAX",
        default_value = "4096"
    )]
    pub(crate) max: NonZeroUsize,
    /// Connections that each listener holds from one IPv4 address or IPv6 network of 64 bits. Raise it
    /// where all clients come through one proxy.
    #[arg(
        id = "connections_per_address",
        long = "connections-per-address",
        env = "MILLRACE_CONNECTIONS_PER_ADDRESS",
        default_value = "1024"
    )]
    pub(crate) per_address: NonZeroUsize,
}
