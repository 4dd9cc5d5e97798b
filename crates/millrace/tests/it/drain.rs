//! A worker that is told to stop in the middle of a chunk: how long it may go on decides whether the
//! chunk is encoded once or again.

use std::time::Duration;

use fixtures::{Clip, Temporal};
use serde_json::json;

use crate::{
    crash::finished_chunks,
    machines::chunks,
    product::{Flags, Product, Worker, data, running},
    sources::serve_file,
};

/// Chunks of a clip of 18 s, in chunks of one segment.
const CHUNKS: usize = 3;

fn signal(name: &str, pid: u32) {
    let pid = pid.to_string();
    assert!(fixtures::tools::command("kill").args([name, &pid]).status().unwrap().success());
}

/// The encoders of chunks that use a folder.
fn encoders(folder: &std::path::Path) -> Vec<u32> {
    let chunk = |pid: &u32| {
        let line = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("rung-0.mp4")
    };
    running("ffmpeg", folder).into_iter().filter(chunk).collect()
}

/// The try at each chunk that ended it.
async fn tries(temporal: &Temporal, id: &str) -> Vec<u64> {
    chunks(temporal.client(), id).await.into_iter().map(|(_, tries)| tries).collect()
}

/// Stops a worker while it encodes a chunk, whose encoder stands still until another worker has made
/// all others; answers the tries of all chunks.
async fn stopped_mid_chunk(drain: u64) -> Option<Vec<u64>> {
    let (data, scratch) = (data(), data());
    let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    let options = fixtures::temporal::Options::with_search_attributes(attributes);
    let temporal = Temporal::start_or_skip(options).await?;
    let product = Product::api_alone(data.path(), &temporal.address(), &Flags::short_chunks());
    let (folder, seconds) = (scratch.path().to_str().unwrap(), drain.to_string());
    let flags = ["--scratch", folder, "--drain-seconds", &seconds, "--slots", "transcode=1"];
    let mut worker = Worker::with(data.path(), &temporal.address(), &flags);
    let clip = Clip::new().size(640, 480).seconds(18).fps("30");
    let url = serve_file(clip.path()).await;
    let id = product.submit(&url, json!({"resolutions": ["480p"], "preset": "slow"})).await;
    product.until(&id, |_| !encoders(scratch.path()).is_empty()).await;
    let held = encoders(scratch.path())[0];
    signal("-STOP", held);
    let before = finished_chunks(data.path(), &id);
    assert!(before < CHUNKS, "there was nothing left to hold");
    worker.terminate();
    let _other = Worker::start(data.path(), &temporal.address());
    if drain == 0 {
        assert!(worker.ended(Duration::from_secs(30)).await.success());
    } else {
        // All but the one that is held; the worker waits for that.
        product.until(&id, |_| finished_chunks(data.path(), &id) == CHUNKS - 1).await;
        signal("-CONT", held);
        assert!(worker.ended(Duration::from_mins(1)).await.success());
    }
    let video = product.ready(&id).await;
    assert_eq!(video["outputs"]["frames"], clip.frames(), "{video:#}");
    Some(tries(&temporal, &id).await)
}

#[tokio::test]
async fn a_worker_that_is_stopped_finishes_its_chunk() {
    let Some(tries) = stopped_mid_chunk(120).await else { return };
    assert_eq!(tries, [1; CHUNKS]);
}

#[tokio::test]
async fn without_time_to_drain_the_chunk_is_encoded_again() {
    let Some(tries) = stopped_mid_chunk(0).await else { return };
    assert_eq!(tries.len(), CHUNKS, "{tries:?}");
    assert_eq!(tries.iter().sum::<u64>(), CHUNKS as u64 + 1, "{tries:?}");
}
