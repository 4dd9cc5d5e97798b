//! Records how an attempt ended, retrying while the catalogue is down, and starts the message to
//! its webhook.

#![expect(missing_docs, reason = "the macro makes public constants of the methods")]

use std::time::Duration;

use contract::{
    ErrorCode, Failure, TaskQueue,
    completion::Input,
    delivery::{self, DeliveryWorkflow},
    record_outcome, text,
};
use temporalio_common::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, ChildWorkflowOptions, ParentClosePolicy, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};

use crate::failure;

/// How long a report is tried.
const PATIENCE: Duration = Duration::from_hours(24);

/// One report. Running it twice changes nothing: the catalogue accepts each end once.
#[workflow]
pub struct CompletionWorkflow {
    report: Input,
    /// The workflow that started this one.
    parent: Option<String>,
}

#[workflow_methods]
impl CompletionWorkflow {
    /// Keeps the report.
    #[init]
    pub fn new(ctx: &WorkflowContextView, report: Input) -> Self {
        Self { report, parent: ctx.parent().map(|parent| parent.workflow_id().to_owned()) }
    }

    /// Writes the end of the attempt into the catalogue. Only the attempt itself may report it.
    #[run(name = contract::completion::NAME)]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let (report, parent) = ctx.state(|state| (state.report.clone(), state.parent.clone()));
        if parent != Some(report.video.workflow_id(report.attempt)) {
            let message = "the end of an attempt is reported by the attempt".to_owned();
            let failure = Failure { code: ErrorCode::Unauthorized, message };
            return Err(failure::termination(&failure));
        }
        let options = ActivityOptions::with_schedule_to_close_timeout(PATIENCE)
            .task_queue(TaskQueue::Notify.name())
            .retry_policy(
                RetryPolicy::builder()
                    .initial_interval(Duration::from_secs(1))
                    .backoff_coefficient(2.0)
                    .maximum_interval(Duration::from_mins(10))
                    .build(),
            )
            .summary(text::summary("write the outcome into the catalogue"))
            .build();
        let due = ctx.execute_activity(record_outcome::Activity, report, options).await?;
        if let Some(due) = due {
            deliver(ctx, due.into()).await;
        }
        Ok(())
    }
}

/// Starts the message's own workflow and lets it outlive this one. Where it runs already, or cannot be
/// started, nothing is lost: messages that nobody sends are looked for.
async fn deliver(ctx: &WorkflowContext<CompletionWorkflow>, message: delivery::Input) {
    let mut options = ChildWorkflowOptions::workflow_id(message.workflow_id());
    options.task_queue = Some(TaskQueue::VideoWorkflows.name().to_owned());
    options.parent_close_policy = ParentClosePolicy::Abandon;
    options.static_summary = Some(text::summary("tell the webhook"));
    if let Err(error) = ctx.start_child_workflow(DeliveryWorkflow, message, options).await
        && !ctx.is_replaying()
    {
        tracing::warn!(delivery = %message.delivery, %error, "its workflow was not started");
    }
}
