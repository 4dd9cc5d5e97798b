//! Registers workflows and activities per task queue, runs them, and stops them gracefully.
//!
//! One SDK worker per queue, all on one dedicated thread, because an SDK worker is not `Send`. The
//! activities themselves run on the process's shared runtime.

mod queue;
mod sdk_metrics;
mod slots;
mod supervise;

use std::{sync::Arc, time::Duration};

use activities::{
    Deps, DownloadActivities, MetadataActivities, NotifyActivities, PlaylistActivities,
    ScenesActivities, ThumbnailActivities, TranscodeActivities,
};
use contract::TaskQueue;
use metrics::gauge;
use temporalio_client::Client;
use temporalio_common::telemetry::{TelemetryOptions, metrics::CoreMeter};
use temporalio_sdk::{
    Runtime, WorkerOptions,
    runtime::{
        RuntimeOptions,
        worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
    },
};
use tokio_util::sync::CancellationToken;
use workflows::{CompletionWorkflow, DeletionWorkflow, DeliveryWorkflow, VideoWorkflow};

use supervise::{Pauses, supervise};

pub use slots::{BadSlots, Slots, parse as parse_slots};

/// Heartbeats are passed on at least this often: cancellation reaches an activity only with them,
/// and a cancelled encoder is to be gone within two seconds.
const HEARTBEAT_THROTTLE: Duration = Duration::from_secs(1);

/// What one process works on.
pub struct Config {
    /// Queues to serve.
    pub queues: Vec<TaskQueue>,
    /// Activities at the same time, by queue.
    pub slots: Slots,
    /// How long running activities may go on after a stop was asked, before they are handed back.
    pub drain: Duration,
    /// How long a partial download that nobody writes to is kept for another attempt.
    pub keep_partial: Duration,
}

/// Why the workers stopped by themselves.
#[derive(Debug, thiserror::Error)]
#[error("the worker of queue `{queue}` cannot {action}")]
pub struct Error {
    queue: TaskQueue,
    action: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Serves the queues until `stop` is cancelled, then drains them.
///
/// Nothing new is taken then. Running activities have [`Config::drain`] to finish; those that are not
/// finished by then go back to their queue and are run again elsewhere. Returns early only when a
/// worker cannot go on.
pub async fn run(
    client: Client,
    deps: Arc<Deps>,
    config: Config,
    stop: CancellationToken,
) -> Result<(), Error> {
    let runtime = tokio::runtime::Handle::current();
    let (swept, keep_partial) = (Arc::clone(&deps), config.keep_partial);
    let downloads = config.queues.contains(&TaskQueue::Download);
    let config = Arc::new(config);
    let work = || {
        let (client, deps, config) = (client.clone(), Arc::clone(&deps), Arc::clone(&config));
        let (runtime, stop) = (runtime.clone(), stop.clone());
        move || {
            let result = runtime.block_on(serve(&client, &deps, &config, &stop));
            // A failed worker ends the others too, so that the process is never half alive.
            stop.cancel();
            result
        }
    };
    let unstartable = |error| failed(TaskQueue::VideoWorkflows, "start its thread")(error);
    tokio::select! {
        ended = supervise(Pauses::default(), &stop, work, unstartable) => ended,
        never = activities::keep_swept(&swept, keep_partial), if downloads => match never {},
    }
}

async fn serve(
    client: &Client,
    deps: &Arc<Deps>,
    config: &Config,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let meter: Arc<dyn CoreMeter> = Arc::new(sdk_metrics::Meter);
    let runtime = RuntimeOptions::builder()
        .telemetry_options(TelemetryOptions::builder().metrics(meter).build())
        .build()
        .map_err(Into::into)
        .and_then(|options| Runtime::from_current_tokio(options).map_err(Into::into))
        .map_err(|error: Box<dyn std::error::Error + Send + Sync>| {
            failed(TaskQueue::VideoWorkflows, "start")(error)
        })?;
    let runs = config.queues.iter().map(|&queue| {
        if queue != TaskQueue::VideoWorkflows {
            let slots = config.slots.of(queue);
            gauge!("millrace_queue_slots", "queue" => queue.name()).set(slots as f64);
        }
        let serving = queue::serve(&runtime, client, deps, config, queue, stop);
        async move {
            let warming = async {
                deps.warm_up(queue).await;
                std::future::pending::<Result<(), Error>>().await
            };
            let result = tokio::select! {
                result = serving => result,
                never = warming => never,
            };
            if result.is_err() {
                stop.cancel();
            }
            result
        }
    });
    futures::future::join_all(runs).await.into_iter().collect()
}

/// Options of a queue's worker.
fn options(queue: TaskQueue, deps: &Arc<Deps>, config: &Config) -> Result<WorkerOptions, Error> {
    let deps = Arc::clone(deps);
    let builder = WorkerOptions::new(queue.name())
        .graceful_shutdown_period(config.drain)
        .max_heartbeat_throttle_interval(HEARTBEAT_THROTTLE);
    let holder = TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(20))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(config.slots.of(queue)))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build();
    let builder = builder.tuner(holder);
    Ok(match queue {
        TaskQueue::VideoWorkflows => builder
            .register_workflow::<VideoWorkflow>()
            .and_then(temporalio_sdk::WorkerOptionsBuilder::register_workflow::<CompletionWorkflow>)
            .and_then(temporalio_sdk::WorkerOptionsBuilder::register_workflow::<DeletionWorkflow>)
            .and_then(temporalio_sdk::WorkerOptionsBuilder::register_workflow::<DeliveryWorkflow>)
            .map_err(|error| failed(queue, "register its workflows")(error.to_string()))?
            .build(),
        TaskQueue::Download => builder.register_activities(DownloadActivities(deps)).build(),
        TaskQueue::Metadata => builder.register_activities(MetadataActivities(deps)).build(),
        TaskQueue::Transcode => builder.register_activities(TranscodeActivities(deps)).build(),
        TaskQueue::Playlist => builder.register_activities(PlaylistActivities(deps)).build(),
        TaskQueue::Notify => builder.register_activities(NotifyActivities(deps)).build(),
        TaskQueue::Thumbnail => builder.register_activities(ThumbnailActivities(deps)).build(),
        TaskQueue::Scenes => builder.register_activities(ScenesActivities(deps)).build(),
    })
}

fn failed<E>(queue: TaskQueue, action: &'static str) -> impl Fn(E) -> Error
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| Error { queue, action, source: source.into() }
}
