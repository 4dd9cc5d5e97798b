//! A worker that is told to stop in the middle of a chunk: how long it may go on decides whether the
//! chunk is encoded once or again.

use fixtures::{Clip, PATIENCE, Temporal};
use serde_json::json;

use crate::{
    crash::finished_chunks,
    held::Held,
    machines::chunks,
    product::{Flags, Product, Worker, data},
    sources::serve_file,
};

/// Chunks of a clip of 18 s, in chunks of one segment.
const CHUNKS: usize = 3;

/// The try at each chunk that ended it.
async fn tries(temporal: &Temporal, id: &str) -> Vec<u64> {
    chunks(temporal.client(), id).await.into_iter().map(|(_, tries)| tries).collect()
}

/// Stops a worker while it encodes a chunk, whose encoder is held until another worker has made all
/// others; answers the tries of all chunks.
async fn stopped_mid_chunk(drain: u64) -> Option<Vec<u64>> {
    let (data, scratch) = (data(), data());
    let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    let options = fixtures::temporal::Options::with_search_attributes(attributes);
    let temporal = Temporal::start_or_skip(options).await?;
    let product = Product::api_alone(data.path(), &temporal.address(), &Flags::short_chunks());
    let (held, seconds) = (Held::new(scratch.path())?, drain.to_string());
    let flags = Flags::default().and(["--drain-seconds", &seconds, "--slots", "transcode=1"]);
    let mut worker = Worker::with_flags(data.path(), &temporal.address(), &held.flags(flags));
    let clip = Clip::new().size(320, 240).seconds(18);
    let url = serve_file(clip.path()).await;
    let asked = json!({"resolutions": ["240p"], "preset": "ultrafast"});
    let id = product.submit(&url, asked).await;
    product.until(&id, |_| held.holds()).await;
    worker.terminate();
    let _other = Worker::start(data.path(), &temporal.address());
    if drain == 0 {
        assert!(worker.ended(PATIENCE).await.success());
    } else {
        // All but the one that is held; the worker waits for that.
        product.until(&id, |_| finished_chunks(data.path(), &id) == CHUNKS - 1).await;
        held.release();
        assert!(worker.ended(PATIENCE).await.success());
    }
    let video = product.ready(&id).await;
    assert_eq!(video["outputs"]["frames"], clip.frames(), "{video:#}");
    Some(tries(&temporal, &id).await)
}

#[tokio::test]
async fn a_worker_that_is_stopped_finishes_its_chunk() {
    let Some(tries) = stopped_mid_chunk(PATIENCE.as_secs()).await else { return };
    assert_eq!(tries, [1; CHUNKS]);
}

#[tokio::test]
async fn without_time_to_drain_the_chunk_is_encoded_again() {
    let Some(tries) = stopped_mid_chunk(0).await else { return };
    assert_eq!(tries.len(), CHUNKS, "{tries:?}");
    assert_eq!(tries.iter().sum::<u64>(), CHUNKS as u64 + 1, "{tries:?}");
}
