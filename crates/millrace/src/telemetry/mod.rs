//! Telemetry of the process: log lines, traces and metrics.
//!
//! Owns the formats and where they go. What is recorded is decided where it happens, through the
//! facades `tracing` and `metrics`.

mod json;
mod metrics;
mod names;
mod traces;

use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub(crate) use metrics::Metrics;
pub(crate) use traces::plugin;

use crate::cli::{Cli, Command, LogFormat};

/// Sends what is left when the command has ended.
pub(crate) struct Telemetry {
    traces: Option<traces::Traces>,
}

/// Starts logging and, where a collector is given, tracing. Needs a runtime around it.
pub(crate) fn start(cli: &Cli) -> anyhow::Result<Telemetry> {
    let quiet = matches!(
        cli.command,
        Command::Transcode(_) | Command::Doctor(_) | Command::Keys(_) | Command::Webhooks(_)
    );
    let default =
        if quiet { "error" } else { "warn,millrace=info,activities=info,workers=info,api=info" };
    let filter = cli.log.clone().unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match cli.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.fmt_fields(json::fields()).event_format(json::Flat).boxed(),
    };
    let traces = cli.otlp_endpoint.as_ref().map(traces::Traces::start).transpose()?;
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces.as_ref().map(traces::Traces::layer))
        .init();
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends the spans that are still here; waits a few seconds at most.
    pub(crate) fn stop(self) {
        if let Some(traces) = self.traces {
            traces.stop();
        }
    }
}
