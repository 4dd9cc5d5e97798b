//! What happens at the end in any case: clean up, then report. Neither can be cancelled.

use contract::{
    ErrorCode, Phase, SourceSummary, TaskQueue, clean_up,
    completion::{self, CompletionWorkflow, Outcome},
    search_attributes, text,
    video::{Input, Output},
};
use media::source::{NonStandard, SourceFacts};
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_sdk::{ChildWorkflowOptions, ParentClosePolicy, WorkflowCancellationToken};

use super::{Context, pipeline::enter};
use crate::{call::Call, failure::Stop};

const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword(search_attributes::STATUS);

/// Removes what is not needed after this outcome; never the source. A failure here does not fail
/// the video.
pub(super) async fn clean_up(ctx: &Context, job: &Input, made: &Result<Output, Stop>) {
    let (after, summary) = match made {
        Ok(_) => (clean_up::After::Ready, "remove what no playlist names"),
        Err(Stop::Failed(failure)) if worth_another_try(failure.code) => return,
        Err(_) => (clean_up::After::Abandoned, "remove what no retry would use"),
    };
    let options = Call::clean_up(summary).options(job, WorkflowCancellationToken::new());
    let input = clean_up::Input { video: job.video, after, attempt: Some(job.attempt) };
    if let Err(error) = ctx.execute_activity(clean_up::Activity, input, options).await
        && !ctx.is_replaying()
    {
        tracing::warn!(video = %job.video, attempt = job.attempt, %error, "clean-up failed");
    }
}

/// Starts the report and lets it outlive this workflow.
pub(super) async fn report(ctx: &Context, job: &Input, made: &Result<Output, Stop>) {
    let (outcome, status) = match made {
        Ok(output) => (Outcome::Ready(Box::new(output.clone())), "ready"),
        Err(Stop::Cancelled) => (Outcome::Cancelled, "cancelled"),
        Err(Stop::Failed(failure)) => {
            let warnings = ctx.state(|state| state.tracker.progress().warnings);
            (Outcome::Failed { failure: failure.clone(), warnings }, "failed")
        }
    };
    ctx.upsert_search_attributes([STATUS.value_set(status.to_owned())]);
    enter(ctx, Phase::Done, status);
    let mut options =
        ChildWorkflowOptions::workflow_id(job.video.completion_workflow_id(job.attempt));
    options.task_queue = Some(TaskQueue::VideoWorkflows.name().to_owned());
    options.parent_close_policy = ParentClosePolicy::Abandon;
    options.static_summary = Some(text::summary(&format!("report {status}")));
    options.cancellation_token = Some(WorkflowCancellationToken::new());
    let input = completion::Input { video: job.video, attempt: job.attempt, outcome };
    if let Err(error) = ctx.start_child_workflow(CompletionWorkflow, input, options).await
        && !ctx.is_replaying()
    {
        tracing::error!(video = %job.video, attempt = job.attempt, %error, "the outcome could not be reported");
    }
}

/// True when a retry of the video may succeed, so that finished chunks are kept for it.
fn worth_another_try(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::SourceUnavailable
            | ErrorCode::NoSpace
            | ErrorCode::ToolMissing
            | ErrorCode::StoreUnavailable
            | ErrorCode::ExportFailed
            | ErrorCode::CatalogUnavailable
            | ErrorCode::EncoderFailed
            | ErrorCode::TimedOut
            | ErrorCode::Internal
    )
}

/// What users see of the source.
pub(super) fn summary(facts: &SourceFacts, reasons: Vec<NonStandard>) -> SourceSummary {
    let size = facts.video.as_ref().map(media::source::VideoFacts::display_size);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a picture's side")]
    let pixels = |side: f64| side.round() as u32;
    let video = facts.video.iter().map(|video| video.codec.clone());
    SourceSummary {
        duration_seconds: facts.duration_seconds(),
        width: size.map(|size| pixels(size.0)),
        height: size.map(|size| pixels(size.1)),
        fps: facts.video.as_ref().map(|video| video.timeline.rate.as_f64()),
        codecs: video.chain(facts.main_audio().map(|audio| audio.codec.clone())).collect(),
        bytes: facts.bytes,
        non_standard_input_reasons: reasons,
    }
}
