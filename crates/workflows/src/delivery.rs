//! Delivers one message to a webhook's receiver, retrying for up to 24 hours.

#![expect(missing_docs, reason = "the macro makes public constants of the methods")]

use std::time::Duration;

use contract::{TaskQueue, deliver_webhook, delivery::Input, text};
use temporalio_common::{Priority, RetryPolicy};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityCloseTimeouts, ActivityOptions, WorkflowContext, WorkflowContextView, WorkflowResult,
};

/// How long a message is tried. The activity gives up within this time by itself.
const PATIENCE: Duration = Duration::from_hours(24);
/// Longest time one try may take; the receiver has a third of it.
const ONE_TRY: Duration = Duration::from_secs(30);
/// After so long without a heartbeat the worker is gone.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The lowest: messages must not delay the activities of videos.
const PRIORITY: u32 = 5;

/// One round of one message. Running it twice changes nothing once the receiver has accepted it.
#[workflow]
pub struct DeliveryWorkflow {
    message: Input,
}

#[workflow_methods]
impl DeliveryWorkflow {
    /// Keeps the message's id.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, message: Input) -> Self {
        Self { message }
    }

    /// Sends the message until it is accepted, refused or too old.
    #[run(name = contract::delivery::NAME)]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let message = ctx.state(|state| state.message);
        let mut options = ActivityOptions::with_start_to_close_timeout(ONE_TRY)
            .task_queue(TaskQueue::Notify.name())
            .retry_policy(
                // The activity says how long to pause; this is for a worker that died.
                RetryPolicy::builder()
                    .initial_interval(Duration::from_secs(1))
                    .backoff_coefficient(2.0)
                    .maximum_interval(Duration::from_mins(10))
                    .build(),
            )
            .priority(Priority::builder().priority_key(PRIORITY).build())
            .summary(text::summary("send the message"))
            .build();
        options.close_timeouts = ActivityCloseTimeouts::ScheduleAndStartToClose {
            schedule_to_close: PATIENCE,
            start_to_close: ONE_TRY,
        };
        options.heartbeat_timeout = Some(HEARTBEAT);
        ctx.execute_activity(deliver_webhook::Activity, message, options).await?;
        Ok(())
    }
}
