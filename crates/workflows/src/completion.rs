//! Reports how an attempt ended, for as long as it takes the catalogue to listen.

#![expect(missing_docs, reason = "the macro makes public constants of the methods")]

use std::time::Duration;

use contract::{TaskQueue, completion::Input, record_outcome};
use temporalio_common::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityOptions, WorkflowContext, WorkflowContextView, WorkflowResult};

/// How long a report is tried.
const PATIENCE: Duration = Duration::from_hours(24);

/// One report. Running it twice changes nothing: the catalogue accepts each end once.
#[workflow]
pub struct CompletionWorkflow {
    report: Input,
}

#[workflow_methods]
impl CompletionWorkflow {
    /// Keeps the report.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, report: Input) -> Self {
        Self { report }
    }

    /// Writes the end of the attempt into the catalogue.
    #[run(name = contract::completion::NAME)]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let report = ctx.state(|state| state.report.clone());
        let options = ActivityOptions::with_schedule_to_close_timeout(PATIENCE)
            .task_queue(TaskQueue::Notify.name())
            .retry_policy(
                RetryPolicy::builder()
                    .initial_interval(Duration::from_secs(1))
                    .backoff_coefficient(2.0)
                    .maximum_interval(Duration::from_mins(10))
                    .build(),
            )
            .summary("write the outcome into the catalogue")
            .build();
        ctx.execute_activity(record_outcome::Activity, report, options).await?;
        Ok(())
    }
}
