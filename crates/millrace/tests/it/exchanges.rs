//! Each call of the compatible endpoints as recorded in `tests/exchanges`: what clients that are written
//! already send, and what they are answered and told, field by field.
//!
//! `UPDATE_EXPECT=1` records them anew.

use std::path::Path;

use fixtures::{Clip, S3Server};
use serde_json::{Value, json};
use storage::{Bucket, Object};

use crate::{
    compat::{INPUT_KEY, SECRET, job, store, until},
    product::{Flags, Product, data},
    receiver::{Message, Receiver, told},
};

/// The key that a client of another service was given there.
const BEARER: &str = "Bearer rpa_of_another_service";

/// The calls of one set.
struct Calls<'a> {
    product: &'a Product,
    set: &'static str,
    /// Texts that differ from run to run, and what stands in their place.
    hidden: Vec<(String, String)>,
}

impl<'a> Calls<'a> {
    fn new(product: &'a Product, set: &'static str) -> Self {
        Self { product, set, hidden: Vec::new() }
    }

    fn hide(&mut self, text: impl Into<String>, name: &str) {
        self.hidden.push((text.into(), name.to_owned()));
    }

    /// Makes a call, checks the exchange, and gives the body of the answer.
    async fn call(&mut self, name: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let mut request = self.product.request(method, path).header("authorization", BEARER);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let answered: Value = answer.json().await.unwrap();
        let job = answered["jobId"].as_str().or(answered["id"].as_str());
        if let Some(job) = job.filter(|job| !self.hidden.iter().any(|(text, _)| text == job)) {
            let count = self.hidden.iter().filter(|(_, name)| name.starts_with("JOB-")).count();
            self.hide(job, &format!("JOB-{}", count + 1));
        }
        let mut sent = json!({"method": method, "path": path});
        if let Some(body) = body {
            sent["body"] = body;
        }
        let exchange = json!({"request": sent, "answer": {"status": status, "body": answered}});
        self.check(name, exchange);
        answered
    }

    /// Checks what a webhook was told.
    fn message(&self, name: &str, message: &Message) {
        self.check(name, json!({"message": told(message)}));
    }

    fn check(&self, name: &str, mut exchange: Value) {
        hide_times(&mut exchange);
        let mut text = serde_json::to_string_pretty(&exchange).unwrap();
        for (hidden, name) in &self.hidden {
            text = text.replace(hidden, name);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchanges").join(self.set);
        fs_err::create_dir_all(&folder).unwrap();
        expect_test::expect_file![folder.join(format!("{name}.json"))].assert_eq(&(text + "\n"));
    }
}

/// Puts one time in the place of each, once it is one.
fn hide_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "created" {
                    let text = value.as_str().unwrap();
                    assert!(text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z'));
                    *value = "2026-01-01T00:00:00Z".into();
                }
                hide_times(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_times),
        _ => {}
    }
}

fn flags() -> Flags {
    Flags::short_chunks().and(["--allow-webhook-networks", "127.0.0.1/32"])
}

#[tokio::test]
async fn the_calls_of_transcode_are_as_recorded() {
    let data = data();
    let Some(product) = Product::start(data.path(), &flags()) else { return };
    let incoming = data.path().join("media/videos/audio1/2816");
    fs_err::create_dir_all(&incoming).unwrap();
    let clip = Clip::new().size(640, 360).seconds(3);
    fs_err::copy(clip.path(), incoming.join("test-video.mp4")).unwrap();
    fs_err::write(incoming.join("text.mp4"), "This is no video.").unwrap();
    let (mut receiver, port) = Receiver::start().await;
    let webhook = format!("http://127.0.0.1:{port}/api/transcode-webhook");
    let mut calls = Calls::new(&product, "transcode");
    calls.hide(format!("127.0.0.1:{port}"), "127.0.0.1:PORT");
    let (submit, jobs) = ("/api/transcode/submit", "/api/transcode/jobs?page=0&size=20");
    let status =
        |taken: &Value| format!("/api/transcode/status/{}", taken["jobId"].as_str().unwrap());

    let asked = json!({
        "inputKey": "audio1/2816/test-video.mp4", "profile": "roku-hls",
        "outputPrefix": "transcoded/test_001", "webhookUrl": webhook,
    });
    let first = calls.call("submit", "POST", submit, Some(asked)).await;
    calls.message("webhook-complete", &receiver.next().await);
    calls.call("status-complete", "GET", &status(&first), None).await;

    let form = json!({
        "id": "job_1735363200_abc123", "input_bucket": "videos",
        "input_key": "audio1/2816/test-video.mp4", "output_bucket": "published",
        "output_prefix": "transcoded/test_002", "webhook_url": webhook,
        "ladder": [{"name": "360p", "height": 360, "bitrate": "4M", "audio_bitrate": "128k"}],
    });
    let second = calls.call("submit-form", "POST", submit, Some(form.clone())).await;
    calls.message("webhook-complete-form", &receiver.next().await);
    let again = product.post(submit, form).await.1;
    assert_eq!((&again["jobId"], &again["status"]), (&second["jobId"], &json!("complete")));

    let broken = json!({"inputKey": "audio1/2816/text.mp4", "webhookUrl": webhook});
    let third = calls.call("submit-least", "POST", submit, Some(broken)).await;
    calls.message("webhook-failed", &receiver.next().await);
    calls.call("status-failed", "GET", &status(&third), None).await;

    calls.call("jobs", "GET", jobs, None).await;
    calls.call("refused", "POST", submit, Some(json!({}))).await;
    calls.call("unknown", "GET", "/api/transcode/status/test-job-123", None).await;
}

#[tokio::test]
async fn the_calls_of_runpod_are_as_recorded() {
    let data = data();
    let Some(product) = Product::start(data.path(), &flags()) else { return };
    let Some(server) = S3Server::start() else { return };
    let (store, endpoint) = (store(&server, Some("acme-")).await, server.endpoint("127.0.0.1"));
    let source = Object::new(Bucket::Videos, INPUT_KEY).unwrap();
    store.copy_file(&source, &Clip::new().size(320, 240).seconds(3).path()).await.unwrap();
    let (mut receiver, port) = Receiver::start().await;
    let mut calls = Calls::new(&product, "runpod");
    calls.hide(&endpoint, "https://account.r2.cloudflarestorage.com");
    calls.hide(format!("127.0.0.1:{port}"), "127.0.0.1:PORT");
    let mut asked = job(&endpoint);
    asked["input"]["webhookUrl"] = format!("http://127.0.0.1:{port}/transcoding").into();
    asked["input"]["webhookSecret"] = SECRET.into();
    let ends = ["COMPLETED", "FAILED", "CANCELLED"];

    let taken = calls.call("run", "POST", "/v2/abc123/run", Some(asked.clone())).await;
    calls.message("webhook-completed", &receiver.next().await);
    let path =
        |what: &str, taken: &Value| format!("/v2/abc123/{what}/{}", taken["id"].as_str().unwrap());
    until(&product, &path("status", &taken), &ends).await;
    calls.call("status-completed", "GET", &path("status", &taken), None).await;
    calls.call("cancel-completed", "POST", &path("cancel", &taken), None).await;

    asked["input"]["inputKey"] = "creator-1/originals/media-9/absent.mp4".into();
    let absent = calls.call("run-absent", "POST", "/v2/abc123/run", Some(asked)).await;
    calls.message("webhook-failed", &receiver.next().await);
    until(&product, &path("status", &absent), &ends).await;
    calls.call("status-failed", "GET", &path("status", &absent), None).await;

    calls.call("refused", "POST", "/v2/abc123/run", Some(json!({"input": {}}))).await;
    calls
        .call("unknown", "GET", "/v2/abc123/status/c80ffee4-f315-4e25-a146-0f3d98cf024b", None)
        .await;
}
