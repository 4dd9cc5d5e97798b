//! Encoding: every audio track and every chunk, with a limit on the chunks queued at a time.
//!
//! Lanes: each takes the next index when it is free, so an activity is scheduled only when its turn
//! has come. There are more lanes than workers: a queue is served in its order, so the chunks of the
//! video that came first are all encoded before those of the next. The first failure for good ends the whole group.

use std::{cell::Cell, rc::Rc};

use contract::{Phase, StoredSource, transcode_chunk, video::Input};
use media::plan::{AudioPlan, Plan, VideoPlan};
use temporalio_sdk::{WorkflowCancellationToken, workflows};

use super::{
    Context,
    pipeline::{enter, too_large},
    sound, step,
};
use crate::{call::Call, failure::Stop};

/// Encodes everything the plan asks for. Returns the tracks of sound as they were encoded; a track
/// other than the main one that fails is left out with a warning.
pub(super) async fn encode(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    plan: &Plan,
) -> Result<Vec<AudioPlan>, Stop> {
    let now = ctx.workflow_time();
    ctx.state_mut(|state| state.tracker.plan(plan.video.as_ref(), now));
    enter(ctx, Phase::Encoding, encoding_details(plan));
    let group = ctx.cancellation_token().child_token();
    let audio = workflows::join_all(
        plan.audio.iter().map(|track| sound::encode(ctx, job, source, track, &group)),
    );
    let video = async {
        match &plan.video {
            Some(video) => encode_chunks(ctx, job, source, video, &group).await,
            None => Ok(()),
        }
    };
    let (audio, video) = workflows::join!(audio, video);
    let mut tracks = Vec::new();
    let mut results = vec![video];
    for track in audio {
        results.push(track.map(|encoded| tracks.extend(encoded)));
    }
    worst(results).map(|()| tracks)
}

async fn encode_chunks(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    plan: &VideoPlan,
    group: &WorkflowCancellationToken,
) -> Result<(), Stop> {
    let next = Rc::new(Cell::new(0));
    let queued = job.limits.queued_chunks.unwrap_or(job.limits.parallel_chunks);
    let lanes = (0..queued.clamp(1, plan.chunks)).map(|_| {
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
    let end_seconds = plan.grid.seconds(frames.end);
    let call = Call::chunk(seconds, end_seconds, chunk_summary(plan, chunk));
    let options = call.options(job, group.clone());
    let done = step::run(ctx, transcode_chunk::Activity, input, options).await?;
    let now = ctx.workflow_time();
    ctx.state_mut(|state| {
        state.tracker.chunk_done(chunk, done.frames, now);
        state.output.count(done.bytes)
    })
    .map_err(|error| too_large(&error))
}

/// Ends the group when one of its members failed.
pub(super) fn ended<T>(
    result: Result<T, Stop>,
    group: &WorkflowCancellationToken,
) -> Result<T, Stop> {
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
    let audio = match plan.audio.len() {
        0 => None,
        1 => Some("the sound".to_owned()),
        tracks => Some(format!("{tracks} tracks of sound")),
    };
    let parts: Vec<_> = video.into_iter().chain(audio).collect();
    format!("encoding {}", parts.join(", "))
}
