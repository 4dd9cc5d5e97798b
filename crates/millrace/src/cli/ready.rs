//! Flags of `millrace ready`.

use std::net::SocketAddr;

use clap::Args;

/// Whom to ask, and for how long. The flags and variables are those of the process that is asked, so
/// that a health check needs none of its own.
#[derive(Debug, Args)]
pub(crate) struct Ready {
    /// Address of the API.
    #[arg(long, env = "MILLRACE_API_ADDR", default_value = "127.0.0.1:8000")]
    pub(crate) api_addr: SocketAddr,
    /// Address at which a worker answers `/metrics`.
    #[arg(long, env = "MILLRACE_METRICS_ADDR")]
    pub(crate) metrics_addr: Option<SocketAddr>,
    /// Seconds that an answer may take.
    #[arg(long, env = "MILLRACE_ANSWER_SECONDS_MAX", default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) answer_seconds_max: u64,
}
