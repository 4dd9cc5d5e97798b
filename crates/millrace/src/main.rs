//! The `millrace` binary: reads flags, builds everything once, runs one command.
//!
//! Nothing is decided here about videos. This is the only place that reads the environment.

mod cli;
mod compose;
mod doctor;
mod files;
mod keys;
mod lock;
mod patience;
mod private;
mod readiness;
mod ready;
mod stop;
mod telemetry;
mod temporal;
mod transcode;
mod up;
mod webhooks;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One TLS implementation for everything; fails only when it is already set, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Err(error) = files::raise_limit() {
        return report(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&anyhow::Error::new(error).context("start the runtime")),
    };
    let telemetry = {
        let _inside = runtime.enter();
        match telemetry::start(&cli) {
            Ok(telemetry) => telemetry,
            Err(error) => return report(&error),
        }
    };
    if let Some(common) = cli.command.common()
        && let Err(error) = private::close(common.umask, &common.data)
    {
        return report(&error);
    }
    let result = runtime.block_on(async {
        match cli.command {
            Command::Up(args) => Box::pin(up::up(args)).await,
            Command::Api(args) => Box::pin(up::api(args)).await,
            Command::Worker(args) => Box::pin(up::worker(args)).await,
            Command::Transcode(args) => Box::pin(transcode::run(args)).await,
            Command::Keys(args) => Box::pin(keys::run(args)).await,
            Command::Doctor(args) => Box::pin(doctor::run(args)).await,
            Command::Ready(args) => Box::pin(ready::run(args)).await,
            Command::Webhooks(args) => Box::pin(webhooks::run(args)).await,
        }
    });
    telemetry.stop();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a command are for the terminal")]
fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
