//! The `millrace` binary: reads flags, builds everything once, runs one command.
//!
//! Nothing is decided here about videos. This is the only place that reads the environment.

mod cli;
mod compose;
mod doctor;
mod lock;
mod stop;
mod temporal;
mod transcode;
mod up;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command, LogFormat};

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(&cli);
    // One TLS implementation for everything; fails only when it is already set, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&anyhow::Error::new(error).context("start the runtime")),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Up(args) => Box::pin(up::up(args)).await,
            Command::Api(args) => Box::pin(up::api(args)).await,
            Command::Worker(args) => Box::pin(up::worker(args)).await,
            Command::Transcode(args) => Box::pin(transcode::run(args)).await,
            Command::Doctor(args) => Box::pin(doctor::run(args)).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn start_log(cli: &Cli) {
    let quiet = matches!(cli.command, Command::Transcode(_) | Command::Doctor(_));
    let default =
        if quiet { "error" } else { "warn,millrace=info,activities=info,workers=info,api=info" };
    let filter = cli.log.clone().unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a command are for the terminal")]
fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
