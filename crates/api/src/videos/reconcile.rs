//! Corrects differences between the catalogue and Temporal after a crash or manual intervention: a
//! row without a workflow gets one, and the end of a workflow that was not recorded is recorded.
//!
//! Nothing is started or ended twice: workflows are named by video and attempt, and an end is written
//! by a conditional UPDATE.

use std::time::Duration;

use catalog::{Filter, Moved, Turn, Video};
use contract::{
    ErrorCode, Failure, Status,
    completion::{CompletionWorkflow, Input, Outcome},
};
use futures::TryStreamExt as _;
use temporalio_client::{
    WorkflowDescribeOptions, WorkflowExecutionStatus as Execution, WorkflowGetResultOptions,
    errors::{WorkflowGetResultError, WorkflowInteractionError},
};
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use time::OffsetDateTime;

use crate::{Api, Error, problem::chain, temporal};

/// How often everything is looked through.
const EVERY: Duration = Duration::from_mins(1);
/// Rows that changed within this time are skipped, as a process may still be working on them.
const QUIET: Duration = Duration::from_mins(1);

/// What has become of an attempt.
enum Fate {
    /// Its workflow, or the report of its end, is still running.
    Alive,
    /// No workflow was ever started.
    NeverStarted,
    /// It has ended, and no process is left to record it.
    Ended(Outcome),
}

impl Api {
    /// Runs until cancelled, next to the API, in any number of processes. Of those on one catalogue one
    /// at a time looks through the videos and messages; each looks through the uploads, whose files may
    /// be on its own disk.
    pub async fn keep_reconciled(&self) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut turn = None;
        loop {
            tick.tick().await;
            if self.has_turn(&mut turn).await {
                self.look_through_everything().await;
            }
            if let Err(error) = Box::pin(self.settle_uploads()).await {
                tracing::warn!(error = chain(&error), "cannot look through the uploads");
            }
        }
    }

    /// Whether this process has the turn, which it keeps for as long as it can. What a process left
    /// waiting that had it before is started at once.
    async fn has_turn(&self, turn: &mut Option<Turn>) -> bool {
        if let Some(held) = turn {
            if held.is_held().await {
                return true;
            }
            *turn = None;
        }
        match self.catalog.take_turn().await {
            Ok(taken) => *turn = taken,
            Err(error) => tracing::warn!(error = chain(&error), "cannot look for what was left"),
        }
        if turn.is_some()
            && let Err(error) = self.start_waiting().await
        {
            tracing::warn!(error = chain(&error), "cannot start what was waiting");
        }
        turn.is_some()
    }

    async fn look_through_everything(&self) {
        match self.reconcile(QUIET).await {
            Ok(0) => {}
            Ok(healed) => tracing::warn!(healed, "videos had been left behind"),
            Err(error) => {
                tracing::warn!(error = chain(&error), "cannot look for videos left behind");
            }
        }
        if let Err(error) = self.settle_removals().await {
            tracing::warn!(error = chain(&error), "cannot look for videos to be removed");
        }
        match self.reconcile_deliveries(QUIET).await {
            Ok(0) => {}
            Ok(started) => tracing::warn!(started, "messages to webhooks had been left behind"),
            Err(error) => {
                tracing::warn!(error = chain(&error), "cannot look for messages left behind");
            }
        }
    }

    /// Checks all unfinished videos that have not changed for `quiet`; returns how
    /// many were healed. Run twice, the second run finds nothing.
    pub async fn reconcile(&self, quiet: Duration) -> Result<u64, Error> {
        let since = OffsetDateTime::now_utc() - quiet;
        let mut healed = 0;
        for status in [Status::Uploaded, Status::Transcoding] {
            let filter =
                Filter { status: Some(status), unchanged_since: Some(since), ..Filter::default() };
            let mut videos = std::pin::pin!(self.all(&filter));
            while let Some(video) = videos.try_next().await? {
                healed += u64::from(self.heal_one(&video).await?);
            }
        }
        Ok(healed)
    }

    /// One video that cannot be corrected must not block the others; a service that does not answer
    /// blocks all.
    async fn heal_one(&self, video: &Video) -> Result<bool, Error> {
        match self.heal(video).await {
            Err(error) if !error.is_transient() => {
                tracing::error!(video = %video.id, error = chain(&error), "cannot be healed");
                Ok(false)
            }
            healed => healed,
        }
    }

    async fn heal(&self, video: &Video) -> Result<bool, Error> {
        let outcome = match fate(self, video).await? {
            Fate::Alive => return Ok(false),
            Fate::NeverStarted if video.status == Status::Uploaded => {
                self.start_or_fail(video).await?;
                return Ok(true);
            }
            Fate::NeverStarted => failed(ErrorCode::Internal, "its workflow is gone"),
            Fate::Ended(outcome) => outcome,
        };
        let end = Input { video: video.id, attempt: video.attempt, outcome };
        Ok(self.finish(&end).await? == Moved::Moved)
    }
}

async fn fate(api: &Api, video: &Video) -> Result<Fate, Error> {
    let handle = temporal::handle(&api.temporal, video);
    let looking = || WorkflowDescribeOptions::builder().rpc_options(temporal::bounded()).build();
    let status = match handle.describe(looking()).await {
        Ok(described) => described.status(),
        Err(WorkflowInteractionError::NotFound(_)) => return Ok(Fate::NeverStarted),
        Err(error) => return Err(temporal::from_interaction(error)),
    };
    match status {
        Execution::Running | Execution::Paused => return Ok(Fate::Alive),
        Execution::Terminated | Execution::TimedOut => {
            let outcome = failed(ErrorCode::Internal, "its workflow was terminated in Temporal");
            return Ok(Fate::Ended(outcome));
        }
        _ => {}
    }
    let report = video.id.completion_workflow_id(video.attempt);
    let report = api.temporal.get_workflow_handle::<CompletionWorkflow>(report);
    match report.describe(looking()).await {
        Ok(described) if described.status() == Execution::Running => return Ok(Fate::Alive),
        Ok(_) | Err(WorkflowInteractionError::NotFound(_)) => {}
        Err(error) => return Err(temporal::from_interaction(error)),
    }
    let outcome = match handle.get_result(WorkflowGetResultOptions::default()).await {
        Ok(output) => Outcome::Ready(Box::new(output)),
        Err(WorkflowGetResultError::Cancelled { .. }) => Outcome::Cancelled,
        Err(WorkflowGetResultError::Failed(error)) => {
            let failure = error.failure();
            let kind = failure.failure_info.as_ref().and_then(|info| match info {
                FailureInfo::ApplicationFailureInfo(info) => info.r#type.parse().ok(),
                _ => None,
            });
            failed(kind.unwrap_or(ErrorCode::Internal), &failure.message)
        }
        Err(error) => return Err(Error::TemporalUnavailable(error.into())),
    };
    Ok(Fate::Ended(outcome))
}

fn failed(code: ErrorCode, message: &str) -> Outcome {
    Outcome::Failed { failure: Failure { code, message: message.to_owned() }, warnings: Vec::new() }
}
