//! Enhancements: everything besides the ladder. None can block the video.
//!
//! They run in parallel with encoding. A failure becomes a warning. Those that are unfinished when
//! the ladder is ready get a short time more: their queue may have no worker at all.

use std::time::Duration;

use contract::{ErrorCode, Outputs, StoredSource, Warning, text, video::Input};
use media::{budget, plan::Plan, source::SourceFacts};
use serde::Serialize;
use temporalio_common::ActivityDefinition;
use temporalio_sdk::{TimerOptions, WorkflowCancellationToken, workflows};

use super::{Context, VideoWorkflow, extras, step};
use crate::{
    call::{Call, Extent},
    failure::Stop,
};

/// What enhancements are made from, and what cancels them.
pub(super) struct Material<'a> {
    pub(super) job: &'a Input,
    pub(super) source: &'a StoredSource,
    pub(super) facts: &'a SourceFacts,
    pub(super) plan: &'a Plan,
    /// Ends everything.
    pub(super) all: WorkflowCancellationToken,
    /// Ends what a finished ladder does not wait for.
    pub(super) short: WorkflowCancellationToken,
}

impl<'a> Material<'a> {
    pub(super) fn new(
        ctx: &Context,
        job: &'a Input,
        source: &'a StoredSource,
        facts: &'a SourceFacts,
        plan: &'a Plan,
    ) -> Self {
        let all = ctx.cancellation_token().child_token();
        let short = all.child_token();
        Self { job, source, facts, plan, all, short }
    }

    /// The whole source.
    pub(super) fn extent(&self) -> Extent {
        Extent { seconds: self.facts.duration_seconds(), bytes: self.source.bytes }
    }
}

/// Runs one activity whose failure is only a warning.
pub(super) async fn optional<A>(
    ctx: &Context,
    job: &Input,
    step: &str,
    activity: A,
    input: A::Input,
    call: Call,
    token: &WorkflowCancellationToken,
) -> Option<A::Output>
where
    A: ActivityDefinition,
    A::Input: Serialize,
{
    let queue = call.queue();
    let done = step::run(ctx, activity, input, call.options(job, token.clone())).await;
    match done {
        Ok(output) => Some(output),
        Err(Stop::Failed(failure)) => {
            warn(ctx, step, failure.code, failure.message);
            None
        }
        // Cancelled together with the video, or because the ladder failed, it needs no warning.
        Err(Stop::Cancelled) => {
            if ctx.state(|state| state.ladder) == Some(Ladder::Ready)
                && !ctx.cancellation_token().is_cancelled()
            {
                let message = format!(
                    "was not finished in time; is a worker running for the queue `{queue}`?"
                );
                warn(ctx, step, ErrorCode::TimedOut, message);
            }
            None
        }
    }
}

/// Everything that needs only the source, at the same time.
pub(super) async fn beside(ctx: &Context, material: &Material<'_>) -> Outputs {
    let (thumbnail, sprites, waveform, chapters, subtitles, mezzanine) = workflows::join!(
        extras::thumbnail(ctx, material),
        extras::sprites(ctx, material),
        extras::waveform(ctx, material),
        extras::chapters(ctx, material),
        extras::subtitles(ctx, material),
        extras::mezzanine(ctx, material),
    );
    ctx.state_mut(|state| state.enhanced = true);
    Outputs {
        thumbnail,
        sprites,
        waveform,
        chapters,
        subtitles: subtitles.unwrap_or_default(),
        mezzanine,
        ..Outputs::default()
    }
}

/// Cancels enhancements for which a finished ladder has waited long enough, or that a failed one
/// does not need.
pub(super) async fn watch(ctx: &Context, material: &Material<'_>) {
    let over = |state: &VideoWorkflow| state.enhanced || state.ladder.is_some();
    if ctx.wait_condition(over).await.is_err() || ctx.state(|state| state.enhanced) {
        return;
    }
    if ctx.state(|state| state.ladder) == Some(Ladder::Failed) {
        material.all.cancel_with_reason("the ladder failed");
        return;
    }
    let asked = material.job.limits.enhancement_seconds;
    let by_length = || budget::patience(material.facts.duration_seconds());
    let patience = asked.map_or_else(by_length, |given| Duration::from_secs(u64::from(given)));
    let enough = WorkflowCancellationToken::new();
    let mut timer = TimerOptions::from(patience);
    timer.summary = Some(text::summary("wait for enhancements"));
    timer.cancellation_token = Some(enough.clone());
    workflows::select! {
        _ = ctx.wait_condition(|state| state.enhanced) => enough.cancel_with_reason("all are done"),
        _ = ctx.timer(timer) => material.short.cancel_with_reason("the ladder is finished"),
    }
}

/// How the ladder ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ladder {
    Ready,
    Failed,
}

pub(super) fn not_without_pictures<T>(ctx: &Context, step: &str) -> Option<T> {
    warn(ctx, step, ErrorCode::OptionNotMet, "the source has no pictures");
    None
}

pub(super) fn warn(ctx: &Context, step: &str, code: ErrorCode, message: impl Into<String>) {
    let warning = Warning { step: step.to_owned(), code, message: message.into() };
    ctx.state_mut(|state| state.tracker.warn([warning]));
}
