//! One queue of this process: polled while this machine can do its work, left alone while not.

use std::{sync::Arc, time::Duration};

use activities::Deps;
use contract::TaskQueue;
use metrics::gauge;
use temporalio_client::Client;
use temporalio_sdk::{Runtime, Worker};
use tokio_util::sync::CancellationToken;

use crate::{Config, Error, failed, options};

/// How often the worker checks whether it can do the work.
const LOOK: Duration = Duration::from_secs(2);
/// How long ending may take beyond [`Config::drain`]: what was running is handed back to Temporal,
/// which may be away. Its work is then run again elsewhere, as after a crash.
const HAND_BACK: Duration = Duration::from_secs(5);

/// Serves a queue until `stop` is cancelled. Work that runs then, or when the machine becomes unfit,
/// is given [`Config::drain`] and then handed back.
pub(crate) async fn serve(
    runtime: &Runtime,
    client: &Client,
    deps: &Arc<Deps>,
    config: &Config,
    queue: TaskQueue,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let served = gauge!("millrace_queue_served", "queue" => queue.name());
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = until_fit(deps, queue) => {}
        }
        let options = options(queue, deps, config)?;
        let mut worker = Worker::new(runtime, client.clone(), options)
            .map_err(|error| failed(queue, "start")(error.to_string()))?;
        let shutdown = worker.shutdown_handle();
        let mut run = std::pin::pin!(worker.run());
        served.set(1.0);
        let result = tokio::select! {
            result = &mut run => Some(result),
            () = stop.cancelled() => None,
            () = until_unfit(deps, queue) => None,
        };
        served.set(0.0);
        let result = if let Some(result) = result {
            result
        } else {
            shutdown();
            let ended = tokio::time::timeout(config.drain + HAND_BACK, run).await;
            let Ok(result) = ended else {
                tracing::warn!(%queue, "Temporal does not answer; its work is left to others");
                return Ok(());
            };
            result
        };
        result.map_err(|error| failed(queue, "go on")(error.to_string()))?;
        if stop.is_cancelled() {
            return Ok(());
        }
    }
}

async fn until_fit(deps: &Deps, queue: TaskQueue) {
    let mut told = None;
    while let Some(why) = deps.unfit(queue) {
        if told.as_ref() != Some(&why) {
            tracing::error!(%queue, why, "no work is taken from this queue until that is mended");
            told = Some(why);
        }
        tokio::time::sleep(LOOK).await;
    }
    if told.is_some() {
        tracing::info!(%queue, "work is taken from this queue again");
    }
}

async fn until_unfit(deps: &Deps, queue: TaskQueue) {
    while deps.unfit(queue).is_none() {
        tokio::time::sleep(LOOK).await;
    }
}
