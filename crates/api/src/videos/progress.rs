//! How far a video is, this moment: the workflow's own count, which moves when a chunk is done,
//! and what running chunks report in their heartbeats.
//!
//! Whatever cannot be had in time is left out: without workers there is no progress, and that is
//! no error.

use std::time::Duration;

use catalog::Video;
use contract::{
    Progress,
    transcode_chunk::{self, Beat},
    video::ProgressQuery,
};
use temporalio_client::{
    Client, RetryOptions, RpcOptions, WorkflowDescribeOptions, WorkflowQueryOptions,
};
use temporalio_common::protos::temporal::api::{
    common::v1::Payloads, enums::v1::PendingActivityState, workflow::v1::PendingActivityInfo,
};
use tokio::time::{Instant, timeout_at};

use crate::temporal;

/// Characters of the chunk map.
const WAITING: char = '.';
const RUNNING: char = '>';
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
    if let Ok(Some(beats)) = timeout_at(deadline, in_flight(client, video)).await {
        add(&mut progress, &beats);
    }
    Some(progress)
}

/// What the chunks that are running report.
async fn in_flight(client: &Client, video: &Video) -> Option<Vec<Beat>> {
    let looking = WorkflowDescribeOptions::builder().rpc_options(once()).build();
    let described = temporal::handle(client, video).describe(looking).await.ok()?;
    Some(described.raw().pending_activities.iter().filter_map(reported).collect())
}

fn reported(activity: &PendingActivityInfo) -> Option<Beat> {
    let named = activity.activity_type.as_ref().map(|of| of.name.as_str());
    let runs = activity.state() == PendingActivityState::Started;
    let is_chunk = runs && named == Some(transcode_chunk::NAME);
    is_chunk.then(|| first(activity.heartbeat_details.as_ref())).flatten()
}

fn first<T: serde::de::DeserializeOwned>(payloads: Option<&Payloads>) -> Option<T> {
    serde_json::from_slice(&payloads?.payloads.first()?.data).ok()
}

fn once() -> RpcOptions {
    RpcOptions::builder().timeout(PATIENCE).retry_options(RetryOptions::no_retries()).build()
}

/// Adds the chunks that are being encoded, and their frames: a chunk encodes all rungs at once.
fn add(progress: &mut Progress, beats: &[Beat]) {
    let running = |index: usize| {
        beats.iter().any(|beat| beat.chunk.is_some_and(|chunk| chunk as usize == index))
    };
    let states = progress.chunk_map.chars().enumerate();
    let marked = states.map(|(index, state)| match state {
        WAITING if running(index) => RUNNING,
        state => state,
    });
    progress.chunk_map = marked.collect();
    let frames: u64 = beats.iter().map(|beat| beat.frames).sum();
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
            chunk_map: "#>.".into(),
            percent,
            rungs: vec![RungProgress { name: "720p".into(), percent }],
            ..Progress::default()
        };
        let beat = |chunk, frames| Beat { chunk, frames };
        let mut progress = Progress { chunk_map: "#..".into(), ..at(50.0) };
        add(&mut progress, &[beat(Some(1), 20), beat(None, 10)]);
        assert_eq!(progress, at(60.0));
        add(&mut progress, &[beat(Some(0), 300)]);
        assert_eq!(progress, at(100.0));
    }
}
