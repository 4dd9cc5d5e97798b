//! How far a video is, this moment: the workflow's own count, which moves when a chunk is done,
//! and the frames that running chunks report in their heartbeats.
//!
//! Whatever cannot be had in time is left out: without workers there is no progress, and that is
//! no error.

use std::time::Duration;

use catalog::Video;
use contract::{Progress, transcode_chunk, video::ProgressQuery};
use temporalio_client::{
    Client, RetryOptions, RpcOptions, WorkflowDescribeOptions, WorkflowQueryOptions,
};
use temporalio_common::protos::temporal::api::{
    common::v1::Payloads, workflow::v1::PendingActivityInfo,
};
use tokio::time::{Instant, timeout_at};

use crate::temporal;

/// Longest time one answer spends on progress.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the progress of the current attempt; `None` when nobody answers in time.
pub(crate) async fn live(client: &Client, video: &Video) -> Option<Progress> {
    let deadline = Instant::now() + PATIENCE;
    let handle = temporal::handle(client, video);
    let asking = WorkflowQueryOptions::builder().rpc_options(once()).build();
    let asked = timeout_at(deadline, handle.query(ProgressQuery, (), asking)).await.ok()?;
    let mut progress = asked.inspect_err(|error| tracing::debug!(%error, "no progress")).ok()?;
    // After the query, so that a chunk that ends in between is missed rather than counted twice.
    if let Ok(Some(frames)) = timeout_at(deadline, in_flight(client, video)).await {
        add(&mut progress, frames);
    }
    Some(progress)
}

/// Frames of the chunks that are running.
async fn in_flight(client: &Client, video: &Video) -> Option<u64> {
    let looking = WorkflowDescribeOptions::builder().rpc_options(once()).build();
    let described = temporal::handle(client, video).describe(looking).await.ok()?;
    Some(described.raw().pending_activities.iter().filter_map(reported).sum())
}

fn reported(activity: &PendingActivityInfo) -> Option<u64> {
    let named = activity.activity_type.as_ref().map(|of| of.name.as_str());
    let beat: transcode_chunk::Beat = (named == Some(transcode_chunk::NAME))
        .then(|| first(activity.heartbeat_details.as_ref()))
        .flatten()?;
    Some(beat.frames)
}

fn first<T: serde::de::DeserializeOwned>(payloads: Option<&Payloads>) -> Option<T> {
    serde_json::from_slice(&payloads?.payloads.first()?.data).ok()
}

fn once() -> RpcOptions {
    RpcOptions::builder().timeout(PATIENCE).retry_options(RetryOptions::no_retries()).build()
}

/// Adds frames that are encoded in chunks which are not done: a chunk encodes all rungs at once.
fn add(progress: &mut Progress, frames: u64) {
    let more = frames as f64 * 100.0 / progress.frames_total.max(1) as f64;
    let rungs = progress.rungs.iter_mut().map(|rung| &mut rung.percent);
    for percent in rungs.chain([&mut progress.percent]) {
        *percent = (*percent + more).min(100.0);
    }
}

#[cfg(test)]
mod tests {
    use contract::RungProgress;

    use super::*;

    #[test]
    fn frames_in_flight_count_in_every_rung_and_never_pass_the_end() {
        let at = |percent| Progress {
            frames_total: 300,
            percent,
            rungs: vec![RungProgress { name: "720p".into(), percent }],
            ..Progress::default()
        };
        let mut progress = at(50.0);
        add(&mut progress, 30);
        assert_eq!(progress, at(60.0));
        add(&mut progress, 300);
        assert_eq!(progress, at(100.0));
    }
}
