//! Talking to Temporal: starting, cancelling and asking the workflow of a video.
//!
//! Owns the options workflows are started with and what Temporal's errors mean to us. Every call
//! is bounded in time, so that a request never waits for a server that does not answer.

use std::time::Duration;

use catalog::Video;
use contract::{
    TaskQueue, VideoId, completion,
    deletion::{self, DeletionWorkflow},
    delivery::{self, DeliveryWorkflow},
    search_attributes, text,
    video::{self, VideoWorkflow},
};
use temporalio_client::{
    Client, Priority, RetryOptions, RpcOptions, WorkflowCancelOptions, WorkflowDescribeOptions,
    WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowHandle,
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions,
    WorkflowTerminateOptions,
    errors::{WorkflowInteractionError, WorkflowStartError},
    tonic::{Code, Status},
};
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes};

use crate::{Api, Error};

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Longest span in which a request that failed is sent again.
const RETRY_WITHIN: Duration = Duration::from_secs(2);

/// The attempt at a workflow task from which on it counts as failing for good. A worker that is killed
/// costs an attempt; three in a row within one task are no accident.
const STUCK_ATTEMPT: i32 = 4;

const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword(search_attributes::STATUS);
const TENANT: SearchAttributeKey<String> = SearchAttributeKey::keyword(search_attributes::TENANT);
const SOURCE_KIND: SearchAttributeKey<String> =
    SearchAttributeKey::keyword(search_attributes::SOURCE_KIND);

/// What a request to cancel found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cancelling {
    /// The workflow runs and has been asked to stop.
    Asked,
    /// The workflow has just ended by itself; its outcome is on the way to the catalogue.
    Ended,
    /// No workflow of this attempt exists, or it was killed: no outcome will ever be written.
    Nobody,
}

/// The workflow of a video's current attempt.
pub(crate) fn handle(client: &Client, video: &Video) -> WorkflowHandle<Client, VideoWorkflow> {
    client.get_workflow_handle(video.id.workflow_id(video.attempt))
}

/// Starts the workflow of a video's current attempt. Run twice, also by another process, it starts
/// nothing and succeeds: an attempt runs once, whatever became of it.
pub(crate) async fn start(api: &Api, video: &Video) -> Result<(), Error> {
    let input = video::Input {
        video: video.id,
        attempt: video.attempt,
        tenant: video.tenant.clone(),
        source: video.source.redacted(),
        options: video.options.clone(),
        limits: api.settings.limits,
        export: video.export.clone(),
        mac: None,
    };
    let input = api.catalog.vouch(input).map_err(Error::Catalog)?;
    let started = Box::pin(api.temporal.start_workflow(VideoWorkflow, input, options(video)));
    match started.await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(WorkflowStartError::Rpc(status)) => Err(from_status(status)),
        Err(error) => Err(Error::TemporalRefused(error.into())),
    }
}

fn options(video: &Video) -> WorkflowStartOptions {
    let attributes = SearchAttributes::new([
        STATUS.value_set(video.status.to_string()),
        TENANT.value_set(text::keyword(&video.tenant)),
        SOURCE_KIND.value_set(video.source.kind().to_string()),
    ]);
    let priority = Priority::builder()
        .priority_key(u32::from(video.options.priority_key()))
        .fairness_key(text::fairness_key(&video.tenant))
        .build();
    let queue = TaskQueue::VideoWorkflows.name();
    WorkflowStartOptions::new(queue, video.id.workflow_id(video.attempt))
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        .search_attributes(attributes)
        .priority(priority)
        .static_summary(text::summary(&video.source.to_string()))
        .rpc_options(bounded())
        .build()
}

/// Starts the workflow that removes what the catalogue says of a video. Run twice, one removes it.
pub(crate) async fn delete(api: &Api, video: VideoId) -> Result<(), Error> {
    let queue = TaskQueue::VideoWorkflows.name();
    let options = WorkflowStartOptions::new(queue, video.deletion_workflow_id())
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .static_summary(text::summary(&format!("remove {video}")))
        .rpc_options(bounded())
        .build();
    let order = deletion::Input { video, mac: None };
    let input = api.catalog.vouch(order).map_err(Error::Catalog)?;
    let started = Box::pin(api.temporal.start_workflow(DeletionWorkflow, input, options));
    match started.await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(WorkflowStartError::Rpc(status)) => Err(from_status(status)),
        Err(error) => Err(Error::TemporalRefused(error.into())),
    }
}

/// Starts a round of a message to a webhook; false when it runs already. A round that has ended starts
/// again, and ends at once where the message was taken.
pub(crate) async fn deliver(api: &Api, message: delivery::Input) -> Result<bool, Error> {
    let message = api.catalog.vouch(message).map_err(Error::Catalog)?;
    let queue = TaskQueue::VideoWorkflows.name();
    let options = WorkflowStartOptions::new(queue, message.workflow_id())
        .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
        .static_summary(text::summary("tell the webhook"))
        .rpc_options(bounded())
        .build();
    match Box::pin(api.temporal.start_workflow(DeliveryWorkflow, message, options)).await {
        Ok(_) => Ok(true),
        Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(false),
        Err(WorkflowStartError::Rpc(status)) => Err(from_status(status)),
        Err(error) => Err(Error::TemporalRefused(error.into())),
    }
}

/// Asks the workflow of a video to stop. Run twice it asks again, which changes nothing.
pub(crate) async fn cancel(client: &Client, video: &Video) -> Result<Cancelling, Error> {
    let handle = handle(client, video);
    let asking = WorkflowCancelOptions::builder()
        .reason("asked through the API")
        .rpc_options(bounded())
        .build();
    match handle.cancel(asking).await {
        // Which of the two a workflow that has ended answers depends on the server.
        Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => {}
        Err(error) => return Err(from_interaction(error)),
    }
    let looking = WorkflowDescribeOptions::builder().rpc_options(bounded()).build();
    match handle.describe(looking).await {
        Ok(described) => Ok(match described.status() {
            WorkflowExecutionStatus::Running if is_stuck(&described) => {
                terminate(&handle).await?;
                Cancelling::Nobody
            }
            WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused => Cancelling::Asked,
            WorkflowExecutionStatus::Terminated | WorkflowExecutionStatus::TimedOut => {
                Cancelling::Nobody
            }
            _ => Cancelling::Ended,
        }),
        Err(WorkflowInteractionError::NotFound(_)) => Ok(Cancelling::Nobody),
        Err(error) => Err(from_interaction(error)),
    }
}

/// True when a workflow cannot even be asked to stop: its task fails on and on.
fn is_stuck(described: &WorkflowExecutionDescription) -> bool {
    let task = described.raw_description.pending_workflow_task.as_ref();
    task.is_some_and(|task| task.attempt >= STUCK_ATTEMPT)
}

async fn terminate(handle: &WorkflowHandle<Client, VideoWorkflow>) -> Result<(), Error> {
    let options = WorkflowTerminateOptions::builder()
        .reason("asked to stop through the API while its tasks fail")
        .rpc_options(bounded())
        .build();
    match handle.terminate(options).await {
        Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
        Err(error) => Err(from_interaction(error)),
    }
}

/// Asks whether the server answers and has our namespace.
pub(crate) async fn check(api: &Api) -> Result<(), Error> {
    use temporalio_client::{request_extensions::RetryConfigForCall, tonic::Request};
    use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest;

    let mut request = Request::new(DescribeNamespaceRequest {
        namespace: api.settings.namespace.clone(),
        ..DescribeNamespaceRequest::default()
    });
    request.extensions_mut().insert(RetryConfigForCall(RetryOptions::no_retries()));
    let mut service = api.temporal.connection().workflow_service();
    service.describe_namespace(request).await.map(drop).map_err(from_status)
}

/// The end of an attempt whose workflow could not be started.
pub(crate) fn not_started(video: &Video, error: &Error) -> completion::Input {
    let message = format!("the workflow could not be started: {error}; submit the video again");
    let failure = contract::Failure { code: contract::ErrorCode::Internal, message };
    let outcome = completion::Outcome::Failed { failure, warnings: Vec::new() };
    completion::Input { video: video.id, attempt: video.attempt, outcome }
}

/// One request, bounded in time.
pub(crate) fn bounded() -> RpcOptions {
    let retries = RetryOptions::builder().max_elapsed_time(Some(RETRY_WITHIN)).build();
    RpcOptions::builder().timeout(ANSWER_WITHIN).retry_options(retries).build()
}

pub(crate) fn from_interaction(error: WorkflowInteractionError) -> Error {
    match error {
        WorkflowInteractionError::Rpc(status) => from_status(status),
        error => Error::TemporalRefused(error.into()),
    }
}

fn from_status(status: Status) -> Error {
    match status.code() {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Unknown
        | Code::Internal => Error::TemporalUnavailable(status.into()),
        _ => Error::TemporalRefused(status.into()),
    }
}
