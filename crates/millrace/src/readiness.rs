//! `/healthz` and `/readyz` of a worker: does everything its queues use answer, and does Temporal see
//! it poll.
//!
//! The API has its own in the crate `api`. Both answer in the same form, which `millrace ready` reads.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use activities::{Deps, Part};
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use contract::TaskQueue;
use serde::Serialize;
use temporalio_client::{
    Client, NamespacedClient as _, RetryOptions, request_extensions::RetryConfigForCall,
    tonic::Request,
};
use temporalio_common::protos::temporal::api::{
    enums::v1::TaskQueueType,
    taskqueue::v1::TaskQueue as NamedQueue,
    workflowservice::v1::{DescribeNamespaceRequest, DescribeTaskQueueRequest},
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// A dependency that takes longer than this to answer is not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How long an answer is given again, as anybody may ask.
const FRESH: Duration = Duration::from_secs(3);

/// What is looked at when somebody asks.
pub(crate) struct Worker {
    pub(crate) deps: Arc<Deps>,
    pub(crate) client: Client,
    pub(crate) queues: Vec<TaskQueue>,
    /// Cancelled once no new work is taken.
    pub(crate) stop: CancellationToken,
}

/// What a worker needs and whether it answers.
#[derive(Clone, Serialize)]
struct Readiness {
    /// True when everything does, and every queue is polled.
    ready: bool,
    /// Absent where no queue uses it; the store too.
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog: Option<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Check>,
    temporal: Check,
    queues: BTreeMap<&'static str, Check>,
}

/// Whether one thing is as it should be.
#[derive(Clone, Serialize)]
struct Check {
    ok: bool,
    /// What is wrong when it is not; the log says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

struct Asked {
    worker: Worker,
    recent: Mutex<Option<(Readiness, Instant)>>,
}

/// The routes, which need no token: they tell of no video.
pub(crate) fn router(worker: Worker) -> Router {
    let asked = Arc::new(Asked { worker, recent: Mutex::default() });
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(asked)
}

async fn readyz(State(asked): State<Arc<Asked>>) -> (StatusCode, Json<Readiness>) {
    let mut recent = asked.recent.lock().await;
    let readiness = match &*recent {
        Some((known, at)) if at.elapsed() < FRESH => known.clone(),
        _ => {
            let found = Box::pin(asked.worker.look()).await;
            *recent = Some((found.clone(), Instant::now()));
            found
        }
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

impl Worker {
    async fn look(&self) -> Readiness {
        let queues = futures::future::join_all(self.queues.iter().map(async |&queue| {
            let polled = check(queue.name(), self.is_served(queue)).await;
            (queue.name(), polled)
        }));
        let (catalog, store, temporal, queues) = tokio::join!(
            self.part(Part::Catalog, "catalog", async { Ok(self.deps.catalog.check().await?) }),
            self.part(Part::Store, "store", async { Ok(self.deps.store.look().await?) }),
            check("temporal", self.temporal()),
            queues,
        );
        let queues: BTreeMap<_, _> = queues.into_iter().collect();
        let opened = catalog.iter().chain(&store);
        let ready = opened.chain([&temporal]).chain(queues.values()).all(|check| check.ok);
        Readiness { ready, catalog, store, temporal, queues }
    }

    /// What a look at something finds that a queue of this worker uses.
    async fn part(
        &self,
        part: Part,
        name: &str,
        looking: impl Future<Output = anyhow::Result<()>>,
    ) -> Option<Check> {
        let used = self.queues.iter().any(|&queue| activities::uses(queue).contains(&part));
        if used { Some(check(name, looking).await) } else { None }
    }

    async fn temporal(&self) -> anyhow::Result<()> {
        let namespace = self.client.namespace();
        let asked = once(DescribeNamespaceRequest { namespace, ..Default::default() });
        self.client.connection().workflow_service().describe_namespace(asked).await?;
        Ok(())
    }

    /// Whether this process takes work from a queue, as Temporal knows it.
    async fn is_served(&self, queue: TaskQueue) -> anyhow::Result<()> {
        anyhow::ensure!(!self.stop.is_cancelled(), "stopping");
        if let Some(why) = self.deps.unfit(queue) {
            anyhow::bail!(why);
        }
        let kind = match queue {
            TaskQueue::VideoWorkflows => TaskQueueType::Workflow,
            _ => TaskQueueType::Activity,
        };
        let named = NamedQueue { name: queue.name().to_owned(), ..Default::default() };
        let asked = once(DescribeTaskQueueRequest {
            namespace: self.client.namespace(),
            task_queue: Some(named),
            task_queue_type: kind.into(),
            ..Default::default()
        });
        let mut service = self.client.connection().workflow_service();
        let pollers = service.describe_task_queue(asked).await?.into_inner().pollers;
        let own = self.client.identity();
        anyhow::ensure!(
            pollers.iter().any(|poller| poller.identity == own),
            "Temporal sees no poller of this process"
        );
        Ok(())
    }
}

/// A request that is sent once.
fn once<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(RetryConfigForCall(RetryOptions::no_retries()));
    request
}

async fn check(name: &str, looking: impl Future<Output = anyhow::Result<()>>) -> Check {
    let detail = match tokio::time::timeout(ANSWER_WITHIN, looking).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(name, "not ready: {error:#}");
            Some(error.to_string())
        }
        Err(_) => {
            tracing::warn!(name, "not ready: no answer in time");
            Some(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))
        }
    };
    Check { ok: detail.is_none(), detail }
}
