//! Encoding: the whole sound and every chunk, at most so many chunks at a time.
//!
//! Lanes: each takes the next index when it is free, so an activity is scheduled only when its turn
//! has come. The first failure for good ends the whole group.

use std::{cell::Cell, rc::Rc};

use contract::{Phase, StoredSource, encode_audio, transcode_chunk, video::Input};
use media::plan::{AudioPlan, Plan, VideoPlan};
use temporalio_sdk::{WorkflowCancellationToken, workflows};

use super::{Context, pipeline::enter};
use crate::{call::Call, failure::Stop};

/// Encodes everything the plan asks for.
pub(super) async fn encode(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    plan: &Plan,
) -> Result<(), Stop> {
    let now = ctx.workflow_time();
    ctx.state_mut(|state| state.tracker.plan(plan.video.as_ref(), now));
    enter(ctx, Phase::Encoding, encoding_details(plan));
    let group = ctx.cancellation_token().child_token();
    let audio = async {
        match &plan.audio {
            Some(audio) => ended(encode_sound(ctx, job, source, audio, &group).await, &group),
            None => Ok(()),
        }
    };
    let video = async {
        match &plan.video {
            Some(video) => encode_chunks(ctx, job, source, video, &group).await,
            None => Ok(()),
        }
    };
    let (audio, video) = workflows::join!(audio, video);
    worst([audio, video])
}

async fn encode_chunks(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    plan: &VideoPlan,
    group: &WorkflowCancellationToken,
) -> Result<(), Stop> {
    let next = Rc::new(Cell::new(0));
    let lanes = (0..job.limits.parallel_chunks.clamp(1, plan.chunks)).map(|_| {
        let next = Rc::clone(&next);
        async move {
            loop {
                let chunk = next.get();
                if chunk >= plan.chunks || group.is_cancelled() {
                    return Ok(());
                }
                next.set(chunk + 1);
                ended(encode_chunk(ctx, job, source, plan, chunk, group).await, group)?;
            }
        }
    });
    let result = worst(workflows::join_all(lanes).await);
    if result.is_ok() && ctx.cancellation_token().is_cancelled() {
        Err(Stop::Cancelled)
    } else {
        result
    }
}

async fn encode_chunk(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    plan: &VideoPlan,
    chunk: u32,
    group: &WorkflowCancellationToken,
) -> Result<(), Stop> {
    let frames = plan.chunk(chunk);
    let seconds = plan.grid.seconds(frames.end - frames.start);
    let input = transcode_chunk::Input {
        video: job.video,
        attempt: job.attempt,
        source: source.clone(),
        plan: plan.clone(),
        chunk,
    };
    let options = Call::chunk(seconds, chunk_summary(plan, chunk)).options(job, group.clone());
    let done = ctx.execute_activity(transcode_chunk::Activity, input, options).await?;
    let now = ctx.workflow_time();
    ctx.state_mut(|state| state.tracker.chunk_done(done.frames, now));
    Ok(())
}

async fn encode_sound(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    plan: &AudioPlan,
    group: &WorkflowCancellationToken,
) -> Result<(), Stop> {
    let rates: Vec<_> = plan.bitrates.iter().map(ToString::to_string).collect();
    let summary = format!("audio, {}", rates.join(" "));
    let seconds = std::time::Duration::from_micros(plan.duration_us.unsigned_abs()).as_secs_f64();
    let options = Call::audio(seconds, summary).options(job, group.clone());
    let input = encode_audio::Input {
        video: job.video,
        attempt: job.attempt,
        source: source.clone(),
        plan: plan.clone(),
    };
    ctx.execute_activity(encode_audio::Activity, input, options).await?;
    Ok(())
}

/// Ends the group when one of its members failed.
fn ended(result: Result<(), Stop>, group: &WorkflowCancellationToken) -> Result<(), Stop> {
    if result.is_err() {
        group.cancel_with_reason("another part of the video failed");
    }
    result
}

/// A failure before a cancellation: siblings of a failed chunk end as cancelled.
fn worst(results: impl IntoIterator<Item = Result<(), Stop>>) -> Result<(), Stop> {
    let mut worst = Ok(());
    for result in results {
        match (&worst, &result) {
            (_, Ok(())) | (Err(Stop::Failed(_)), _) | (Err(_), Err(Stop::Cancelled)) => {}
            _ => worst = result,
        }
    }
    worst
}

fn chunk_summary(plan: &VideoPlan, chunk: u32) -> String {
    let rungs: Vec<_> = plan.rungs.iter().map(|rung| rung.name.as_str()).collect();
    format!("chunk {} of {}, {}", chunk + 1, plan.chunks, rungs.join(" "))
}

fn encoding_details(plan: &Plan) -> String {
    let video = plan
        .video
        .as_ref()
        .map(|video| format!("{} chunks in {} rungs", video.chunks, video.rungs.len()));
    let audio =
        plan.audio.as_ref().map(|audio| format!("sound in {} bit rates", audio.bitrates.len()));
    let parts: Vec<_> = video.into_iter().chain(audio).collect();
    format!("encoding {}", parts.join(", "))
}
