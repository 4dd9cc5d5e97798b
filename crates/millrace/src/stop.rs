//! Ctrl-C and SIGTERM end the process in good order.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell makes of a process that SIGINT ended (bash(1), "EXIT STATUS").
const INTERRUPTED: i32 = 130;

/// A token that the first SIGINT or SIGTERM cancels. The second one ends the process at once, and with
/// it its children.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let mut signalled = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        signalled().await;
        tracing::info!("stopping when what is running is done; a second signal stops at once");
        token.cancel();
        signalled().await;
        tracing::warn!("stopping at once: what was running is done again");
        std::process::exit(INTERRUPTED);
    });
    Ok(stop)
}
