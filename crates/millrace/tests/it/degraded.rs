//! Enhancements that cannot be made, for real reasons: the video is ready all the same, and soon.

use std::time::{Duration, Instant};

use fixtures::{BusyClock, Clip, PATIENCE, Temporal};
use serde_json::{Value, json};

use crate::{
    product::{Flags, Product, Worker, assert_no_ffmpeg, data, ffmpegs_on, free_port},
    sources::serve_file,
};

/// Queues of the ladder.
const LADDER: [&str; 2] =
    ["--queues", "video-workflows,download,metadata,transcode,playlist,notify"];
/// How long these videos wait for enhancements, in seconds.
const WAIT: u64 = 2;

async fn server() -> Option<Temporal> {
    let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    Temporal::start_or_skip(fixtures::temporal::Options::with_search_attributes(attributes)).await
}

fn flags() -> Flags {
    Flags::short_chunks().and(["--enhancement-seconds", &WAIT.to_string()])
}

fn asked() -> Value {
    json!({"resolutions": ["240p"], "preset": "ultrafast", "thumbnail": {}, "sprites": true, "chapters": {}})
}

fn steps(video: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let warnings = video["warnings"].as_array().unwrap();
    let mut steps: Vec<_> = warnings.iter().map(|w| (text(&w["step"]), text(&w["code"]))).collect();
    steps.sort_unstable();
    steps
}

fn all(code: &str) -> Vec<(String, String)> {
    ["chapters", "sprites", "thumbnail"].map(|step| (step.to_owned(), code.to_owned())).to_vec()
}

#[tokio::test]
async fn queues_without_a_worker_do_not_hold_a_video() {
    let Some(temporal) = server().await else { return };
    let data = data();
    let product = Product::api_alone(data.path(), &temporal.address(), &flags());
    let _ladder = Worker::with(data.path(), &temporal.address(), &LADDER);
    let url = serve_file(Clip::new().seconds(6).path()).await;
    let id = product.submit(&url, asked()).await;
    let checked =
        |video: &Value| video["progress"]["phase"] == "verifying" || video["status"] == "ready";
    product.until(&id, checked).await;
    let since = BusyClock::start().unwrap();
    let video = product.ready(&id).await;
    assert_eq!(steps(&video), all("timed_out"), "{video:#}");
    let waited = since.elapsed().as_secs_f64();
    assert!(waited < WAIT as f64 + 3.0, "ready only {waited} s after its ladder");
}

#[tokio::test]
async fn a_worker_whose_ffmpeg_is_gone_costs_only_its_own_outputs() {
    let Some(temporal) = server().await else { return };
    let data = data();
    let product = Product::api_alone(data.path(), &temporal.address(), &flags());
    let _ladder = Worker::with(data.path(), &temporal.address(), &LADDER);
    let broken = ["--queues", "thumbnail,scenes", "--ffmpeg", "/nonexistent/ffmpeg"];
    let _broken = Worker::with(data.path(), &temporal.address(), &broken);
    let url = serve_file(Clip::new().seconds(6).path()).await;
    let id = product.submit(&url, asked()).await;
    let video = product.ready(&id).await;
    assert_eq!(steps(&video), all("timed_out"), "{video:#}");
}

#[tokio::test]
async fn a_worker_without_ffmpeg_leaves_the_work_to_others_and_takes_it_when_ffmpeg_is_there() {
    let Some(temporal) = server().await else { return };
    let Some(real) = fixtures::require_or_skip("ffmpeg") else { return };
    let data = data();
    let product = Product::api_alone(data.path(), &temporal.address(), &flags());
    let program = data.path().join("ffmpeg");
    let path = program.to_str().unwrap();
    let port = free_port();
    let metrics = format!("127.0.0.1:{}", port.number());
    let flags = ["--ffmpeg", path, "--metrics-addr", &metrics];
    let _worker = Worker::with(data.path(), &temporal.address(), &flags);
    let url = serve_file(Clip::new().seconds(2).path()).await;
    let options = json!({"resolutions": ["240p"], "preset": "ultrafast"});
    let id = product.submit(&url, options.clone()).await;
    // What needs no ffmpeg is done.
    product.until(&id, |video| video["progress"]["phase"] == "probing").await;
    fs_err::os::unix::fs::symlink(&real, &program).unwrap();
    product.ready(&id).await;

    fs_err::remove_file(&program).unwrap();
    until_served(&metrics, "metadata", false).await;
    let id = product.submit(&url, options).await;
    product.until(&id, |video| video["progress"]["phase"] == "probing").await;
    fs_err::os::unix::fs::symlink(&real, &program).unwrap();
    let video = product.ready(&id).await;
    assert_eq!(video["warnings"], json!([]), "{video:#}");
}

/// Waits until a worker takes work from a queue, or takes none any more.
async fn until_served(metrics: &str, queue: &str, served: bool) {
    let line = format!("millrace_queue_served{{queue=\"{queue}\"}} {}", u8::from(served));
    let give_up = Instant::now() + PATIENCE;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let answer = http.get(format!("http://{metrics}/metrics")).send().await.unwrap();
        let text = answer.text().await.unwrap();
        if text.lines().any(|found| found == line) {
            return;
        }
        assert!(Instant::now() < give_up, "no {line} in {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_worker_killed_over_an_enhancement_does_not_hold_the_video() {
    let Some(temporal) = server().await else { return };
    let data = data();
    let product = Product::api_alone(data.path(), &temporal.address(), &flags());
    let extras = Worker::with(data.path(), &temporal.address(), &["--queues", "thumbnail,scenes"]);
    // Nobody encodes yet, so that only enhancements of this video can be running.
    let before_encoding = ["--queues", "video-workflows,download,metadata,playlist,notify"];
    let _head = Worker::with(data.path(), &temporal.address(), &before_encoding);
    let clip = Clip::new().size(1280, 720).seconds(30).fps("30");
    let id = product.submit(&serve_file(clip.path()).await, asked()).await;
    let encoder = Worker::with(data.path(), &temporal.address(), &["--queues", "transcode"]);
    product.until(&id, |_| ffmpegs_on(data.path()).len() >= 2).await;
    drop(extras);
    let video = product.ready(&id).await;
    drop(encoder);
    assert_eq!(video["status"], "ready");
    assert!(!steps(&video).is_empty(), "{video:#}");
    assert_no_ffmpeg(data.path());
}
