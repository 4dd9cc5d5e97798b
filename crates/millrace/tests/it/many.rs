//! Ten videos at once: all come out, in the order they were submitted, and nothing is done twice.

use std::time::Instant;

use fixtures::Clip;
use serde_json::{Value, json};

use crate::{
    metrics::value,
    product::{Flags, Product, data},
    sources::serve_file,
};

const VIDEOS: usize = 10;
/// Chunks of one segment each in a clip of 18 seconds.
const CHUNKS: usize = 3;
/// Downloads and probes run beside each other, four at a time, so neighbours may change places.
const OUT_OF_PLACE_MAX: usize = 4;

#[tokio::test]
async fn ten_at_once_come_out_in_their_order() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let clip = Clip::new().size(320, 240).seconds(18);
    let url = serve_file(clip.path()).await;
    let began = Instant::now();
    let mut ids = Vec::new();
    for _ in 0..VIDEOS {
        ids.push(product.submit(&url, json!({"resolutions": ["240p"]})).await);
    }
    product.ready(&ids[0]).await;
    let last = product.get(&format!("/videos/{}", ids[VIDEOS - 1])).await;
    assert_eq!(encoded(&last), 0, "the last is encoded while the first is not done: {last:#}");
    let mut ended = Vec::new();
    for id in &ids {
        let video = product.ready(id).await;
        assert_eq!(video["outputs"]["frames"], clip.frames(), "{video:#}");
        ended.push((video["updated_at"].as_str().unwrap().to_owned(), id));
    }
    println!("{VIDEOS} videos in {:?}", began.elapsed());
    ended.sort();
    for (place, (_, id)) in ended.iter().enumerate() {
        let submitted = ids.iter().position(|other| other == *id).unwrap();
        let moved = submitted.abs_diff(place);
        assert!(moved <= OUT_OF_PLACE_MAX, "video {submitted} ended as number {place}");
    }
    let told = product.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    for (activity, each) in [
        ("download_source", 1),
        ("probe_source", 1),
        ("transcode_chunk", CHUNKS),
        ("encode_audio", 1),
    ] {
        let sample = format!(r#"millrace_activities_total{{activity="{activity}",result="ok"}}"#);
        let runs = value(&told, &sample);
        assert!((runs - (VIDEOS * each) as f64).abs() < f64::EPSILON, "{runs} times {activity}");
    }
}

/// Frames of a video that are encoded.
fn encoded(video: &Value) -> u64 {
    video["progress"]["frames_done"].as_u64().unwrap_or(0)
}
