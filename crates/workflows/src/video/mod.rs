//! `VideoWorkflow`: from a source to a published ladder, with a report in any case.
//!
//! ```text
//!  begin → download → probe (→ normalize → probe) → plan ┬→ audio, chunks → package → verify ┬→ mp4, preview → publish
//!                                                        └→ thumbnail, chapters, subtitles … ┘
//!                                                                      whatever happens: clean up, report
//! ```

#![expect(missing_docs, reason = "the macro makes public constants of the methods")]

mod ending;
mod enhance;
mod extras;
mod fan_out;
mod finished;
mod outputs;
mod pipeline;
mod prepare;
mod progress;
mod quality;
mod sound;
mod step;

use std::collections::BTreeMap;

use contract::{
    Progress,
    video::{Input, Output},
};
use media::bounds::OutputLimit;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination};

use crate::failure::{self, Stop};
use enhance::Ladder;
use progress::Tracker;

/// The patch by which nothing is done before the attempt was allowed to begin.
const BEGIN_FIRST: &str = "begin-first";

/// The context every step takes.
pub(crate) type Context = WorkflowContext<VideoWorkflow>;

/// One attempt at one video.
#[workflow]
pub struct VideoWorkflow {
    job: Input,
    tracker: Tracker,
    /// How much the renditions may hold.
    output: OutputLimit,
    /// Errors that the rewriting of the source met in tracks of sound, by their stream in what it made.
    sound_errors: BTreeMap<u32, u64>,
    /// How the ladder ended; `None` while it is being made.
    ladder: Option<Ladder>,
    /// True when all enhancements that run with the ladder have ended.
    enhanced: bool,
}

#[workflow_methods]
impl VideoWorkflow {
    /// Keeps the job.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, job: Input) -> Self {
        Self {
            job,
            tracker: Tracker::default(),
            output: OutputLimit::default(),
            sound_errors: BTreeMap::new(),
            ladder: None,
            enhanced: false,
        }
    }

    /// Makes the video, cleans up and reports, in this order, whatever happens once it has begun.
    #[run(name = contract::video::NAME)]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Output> {
        let job = ctx.state(|state| state.job.clone());
        let made = if ctx.patched(BEGIN_FIRST) {
            match pipeline::begin(ctx, &job).await {
                // What may not begin is not this workflow's to clean up or to report on.
                Err(Stop::Failed(refused)) if pipeline::is_refusal(refused.code) => {
                    return Err(failure::termination(&refused));
                }
                Err(stop) => Err(stop),
                Ok(()) => pipeline::make(ctx, &job).await,
            }
        } else {
            // Videos that began before this patch download at the same time.
            pipeline::begin_and_make(ctx, &job).await
        };
        ending::clean_up(ctx, &job, &made).await;
        ending::report(ctx, &job, &made).await;
        match made {
            Ok(output) => Ok(output),
            Err(Stop::Cancelled) => Err(WorkflowTermination::cancelled()),
            Err(Stop::Failed(failure)) => Err(failure::termination(&failure)),
        }
    }

    /// How far the video is.
    #[query]
    pub fn progress(&self, _ctx: &WorkflowContextView) -> Progress {
        self.tracker.progress()
    }
}
