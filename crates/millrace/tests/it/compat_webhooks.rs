//! What the compatible front doors promise to tell, as it comes to a real receiver.

use std::collections::BTreeSet;

use fixtures::{Clip, S3Server};
use serde_json::{Value, json};
use storage::{Bucket, Object};

use crate::{
    compat::{INPUT_KEY, SECRET, job, store, until},
    product::{Flags, Product, data},
    receiver::{Message, Receiver, header, hmac, signature, told},
};

const RUNPOD: [&str; 13] = [
    "status",
    "mediaId",
    "hlsMasterPlaylistKey",
    "hlsPreviewKey",
    "thumbnailKey",
    "waveformKey",
    "waveformImageKey",
    "mezzanineKey",
    "durationSeconds",
    "width",
    "height",
    "readyVariants",
    "error",
];
const ENDS: [&str; 3] = ["COMPLETED", "FAILED", "CANCELLED"];
/// Longest error, in bytes.
const ERROR_BYTES_MAX: usize = 2048;

fn flags() -> Flags {
    let network = ["--allow-webhook-networks", "127.0.0.1/32", "--webhook-pause-ms", "50"];
    Flags::short_chunks().and(network)
}

fn keys(told: &Value) -> BTreeSet<&str> {
    told.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Checks that a message is signed as both ways of signing want it, and answers its body.
fn of_runpod(message: &Message) -> Value {
    let body = std::str::from_utf8(&message.1).unwrap();
    assert_eq!(header(message, "x-runpod-signature"), hmac(SECRET, body)[0]);
    assert_eq!(header(message, "webhook-signature"), signature(SECRET, message));
    let told = told(message);
    assert_eq!(keys(&told), BTreeSet::from(RUNPOD), "{told:#}");
    told
}

/// Hands in a job on a source, with a webhook.
async fn run(product: &Product, endpoint: &str, key: &str, port: u16) -> String {
    let mut asked = job(endpoint);
    asked["input"]["inputKey"] = key.into();
    asked["input"]["mediaId"] = key.rsplit('/').next().unwrap().replace('.', "-").into();
    asked["input"]["webhookUrl"] = format!("http://127.0.0.1:{port}/runpod").into();
    asked["input"]["webhookSecret"] = SECRET.into();
    let (code, taken) = product.post("/v2/any/run", asked).await;
    assert_eq!((code, &taken["status"]), (200, &json!("IN_QUEUE")), "{taken}");
    taken["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_runpod_job_is_told_by_the_keys_of_its_caller() {
    let data = data();
    let Some(product) = Product::start(data.path(), &flags()) else { return };
    let Some(server) = S3Server::start() else { return };
    let (store, endpoint) = (store(&server, Some("acme-")).await, server.endpoint("127.0.0.1"));
    let (mut receiver, port) = Receiver::start().await;
    let clip = Clip::new().size(160, 120).seconds(8);
    let source = Object::new(Bucket::Videos, INPUT_KEY).unwrap();
    store.copy_file(&source, &clip.path()).await.unwrap();

    let id = run(&product, &endpoint, INPUT_KEY, port).await;
    let message = receiver.next().await;
    let made = of_runpod(&message);
    assert_eq!((&made["status"], &made["error"]), (&json!("completed"), &Value::Null));
    assert_eq!(made["mediaId"], "clip-of-the-customer-mp4");
    assert_eq!((&made["width"], &made["height"]), (&json!(160), &json!(120)));
    assert_eq!(made["durationSeconds"], 8);
    assert!(!made["readyVariants"].as_array().unwrap().is_empty(), "{made:#}");
    for name in RUNPOD.iter().filter(|name| name.ends_with("Key")) {
        let bucket = if *name == "mezzanineKey" { Bucket::Mezzanine } else { Bucket::Videos };
        let object = Object::new(bucket, made[*name].as_str().unwrap()).unwrap();
        assert!(store.head(&object).await.unwrap().is_some(), "{name} in {made:#}");
    }
    let shown = until(&product, &format!("/v2/any/status/{id}"), &ENDS).await;
    assert_eq!(shown["output"], made, "the answer and the message differ");

    let id = run(&product, &endpoint, "creator-1/there-is-none.mp4", port).await;
    let failed = of_runpod(&receiver.next().await);
    assert_eq!(
        (&failed["status"], &failed["mediaId"]),
        (&json!("failed"), &json!("there-is-none-mp4"))
    );
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("source_not_found") && error.len() <= ERROR_BYTES_MAX, "{error}");
    assert!(RUNPOD.iter().filter(|name| name.ends_with("Key")).all(|name| failed[*name].is_null()));
    assert_eq!(failed["readyVariants"], json!([]));
    let shown = product.get(&format!("/v2/any/status/{id}")).await;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("FAILED"), &json!(error)));
}

#[tokio::test]
async fn a_cancelled_runpod_job_is_told_and_leaves_nothing_to_play() {
    let data = data();
    let Some(product) = Product::start(data.path(), &flags()) else { return };
    let Some(server) = S3Server::start() else { return };
    let (store, endpoint) = (store(&server, Some("acme-")).await, server.endpoint("127.0.0.1"));
    let (mut receiver, port) = Receiver::start().await;
    let source = Object::new(Bucket::Videos, INPUT_KEY).unwrap();
    store.copy_file(&source, &Clip::new().seconds(60).path()).await.unwrap();
    let id = run(&product, &endpoint, INPUT_KEY, port).await;
    let path = format!("/v2/any/status/{id}");
    until(&product, &path, &["IN_PROGRESS"]).await;
    let cancel = format!("/v2/any/cancel/{id}");
    let (code, answer) = product.post(&cancel, json!({})).await;
    assert_eq!((code, &answer["status"]), (200, &json!("CANCELLED")), "{answer}");
    assert_eq!(until(&product, &path, &ENDS).await["status"], "CANCELLED");
    let told = of_runpod(&receiver.next().await);
    assert_eq!(told["status"], "failed");
    assert!(told["error"].as_str().unwrap().starts_with("cancelled"), "{told:#}");
    let master = "creator-1/hls/clip-of-the-customer-mp4/master.m3u8";
    let master = Object::new(Bucket::Videos, master).unwrap();
    assert!(store.head(&master).await.unwrap().is_none(), "a cancelled job can be played");
    assert!(store.head(&source).await.unwrap().is_some(), "the source is the caller's");
    let (code, again) = product.post(&cancel, json!({})).await;
    assert_eq!((code, &again["status"]), (200, &json!("CANCELLED")), "{again}");
}

#[tokio::test]
async fn a_roku_job_is_told_by_its_outputs() {
    let data = data();
    let Some(product) = Product::start(data.path(), &flags()) else { return };
    let (mut receiver, port) = Receiver::start().await;
    let incoming = data.path().join("media/videos/incoming");
    fs_err::create_dir_all(&incoming).unwrap();
    fs_err::copy(Clip::new().seconds(3).path(), incoming.join("clip.mp4")).unwrap();
    fs_err::write(incoming.join("text.mp4"), "This is no video.").unwrap();
    for (name, status) in [("clip", "complete"), ("text", "failed")] {
        let (code, taken) = product
            .post(
                "/api/transcode/submit",
                json!({
                    "inputKey": format!("incoming/{name}.mp4"), "profile": "roku-hls",
                    "outputPrefix": name, "webhookUrl": format!("http://127.0.0.1:{port}/roku"),
                    "ladder": [{"name": "small", "height": 120, "bitrate": "200k"}],
                    "webhookSecret": SECRET,
                }),
            )
            .await;
        assert_eq!(code, 200, "{taken}");
        let message = receiver.next().await;
        assert_eq!(header(&message, "webhook-signature"), signature(SECRET, &message));
        assert_eq!(header(&message, "x-runpod-signature"), "");
        let told = told(&message);
        assert_eq!(keys(&told), BTreeSet::from(["job_id", "status", "outputs", "error"]));
        assert_eq!((&told["job_id"], &told["status"]), (&taken["jobId"], &json!(status)));
        let id = taken["jobId"].as_str().unwrap();
        let shown = product.get(&format!("/api/transcode/status/{id}")).await;
        assert_eq!((&shown["outputs"], &shown["error"]), (&told["outputs"], &told["error"]));
        if status == "complete" {
            let hls = json!({"profile": "hls", "key": "clip/master.m3u8"});
            assert!(told["outputs"].as_array().unwrap().contains(&hls), "{told:#}");
            assert!(told["error"].is_null(), "{told:#}");
        } else {
            assert_eq!(told["outputs"], json!([]));
            let error = told["error"].as_str().unwrap();
            assert!((1..=ERROR_BYTES_MAX).contains(&error.len()), "{error}");
        }
    }
}
