//! Removes a video, retrying until it has stopped and the store answers.

#![expect(missing_docs, reason = "the macro makes public constants of the methods")]

use std::time::Duration;

use contract::{TaskQueue, delete_video, deletion::Input, text};
use temporalio_common::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityOptions, WorkflowContext, WorkflowContextView, WorkflowResult};

/// How long a deletion is tried.
const PATIENCE: Duration = Duration::from_hours(24);

/// One deletion. Running it twice changes nothing: what is gone stays gone.
#[workflow]
pub struct DeletionWorkflow {
    order: Input,
}

#[workflow_methods]
impl DeletionWorkflow {
    /// Keeps the order.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, order: Input) -> Self {
        Self { order }
    }

    /// Waits until the video has ended, and removes it.
    #[run(name = contract::deletion::NAME)]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let order = ctx.state(|state| state.order.clone());
        let mut options = ActivityOptions::with_schedule_to_close_timeout(PATIENCE)
            .task_queue(TaskQueue::Playlist.name())
            .retry_policy(
                RetryPolicy::builder()
                    .initial_interval(Duration::from_millis(500))
                    .backoff_coefficient(1.5)
                    .maximum_interval(Duration::from_mins(10))
                    .build(),
            )
            .summary(text::summary("remove every object and the row"))
            .build();
        options.heartbeat_timeout = Some(Duration::from_secs(30));
        ctx.execute_activity(delete_video::Activity, order, options).await?;
        Ok(())
    }
}
