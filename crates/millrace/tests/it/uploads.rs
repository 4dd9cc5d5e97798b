//! Files that users send: by a real tus client through a crash, and straight into a real S3 server.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use fixtures::{Clip, S3Server, repo_root, require_or_skip, tools};
use serde_json::json;

use crate::product::{Flags, Product, data};

/// A child process that ends with the test, and the lines it prints.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The Python that `scripts/setup.sh test` fills; its packages are there where `yt-dlp` is.
fn python() -> Option<Command> {
    let found = require_or_skip("yt-dlp")?;
    Some(tools::command(found.with_file_name("python")))
}

/// Starts the tus client, which sends so many pieces at most; `upload` is the path to go on with.
fn send(
    product: &Product,
    file: &Path,
    pieces: u32,
    upload: Option<&str>,
) -> (Script, Lines<BufReader<ChildStdout>>) {
    let script = repo_root().join("crates/millrace/tests/it/tus_client.py");
    let mut command = python().unwrap();
    command.arg(script).arg(product.api()).arg(file).arg(pieces.to_string()).args(upload);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (Script(child), lines)
}

fn clip() -> Clip {
    Clip::new().size(640, 480).seconds(8).fps("30")
}

#[tokio::test]
async fn an_upload_goes_on_after_a_kill_and_its_video_begins() {
    let data = data();
    if python().is_none() {
        return;
    }
    let Some(product) = Product::start(data.path(), &Flags::default()) else { return };
    let file = clip();
    // More than it is seen to send, so that it is sending while the server dies; fewer than there are.
    let (client, mut lines) = send(&product, &file.path(), 20, None);
    let path = lines.next().unwrap().unwrap();
    let id = path.trim_start_matches("/uploads/").to_owned();
    let (status, video) = product
        .post("/videos", json!({"upload_id": id, "options": {"resolutions": ["360p"]}}))
        .await;
    assert_eq!((status, &video["status"]), (202, &json!("uploading")), "{video}");
    assert_eq!(video["source"]["file_name"], "my clip.mp4");
    let video = video["id"].as_str().unwrap().to_owned();
    let mut acknowledged: u64 = 0;
    for line in lines.by_ref().take(4) {
        acknowledged = line.unwrap().parse().unwrap();
    }
    product.kill();
    drop(client);
    // What was acknowledged before the end, and printed by now.
    let told = lines.map_while(Result::ok).filter_map(|line| line.parse().ok());
    acknowledged = told.last().unwrap_or(acknowledged);
    let bytes = fs_err::read(file.path()).unwrap();
    assert!(acknowledged > 0 && acknowledged < bytes.len() as u64, "{acknowledged} bytes");

    let product = Product::start(data.path(), &Flags::default()).unwrap();
    let shown = product.get(&format!("/videos/{video}")).await;
    assert_eq!(shown["status"], "uploading", "{shown}");
    let (mut client, mut lines) = send(&product, &file.path(), u32::MAX, Some(&path));
    assert_eq!(lines.next().unwrap().unwrap(), path);
    let resumed: u64 = lines.next().unwrap().unwrap().parse().unwrap();
    assert!(resumed >= acknowledged, "{acknowledged} bytes were acknowledged, {resumed} are there");
    let last: u64 = lines.map_while(Result::ok).last().unwrap().parse().unwrap();
    assert_eq!(last, bytes.len() as u64);
    assert!(client.0.wait().unwrap().success());

    let ready = product.ready(&video).await;
    assert_eq!(ready["outputs"]["frames"], file.frames());
    let stored = data.path().join(format!("media/uploads/{id}/original.mp4"));
    assert!(fs_err::read(&stored).unwrap() == bytes, "the stored file is another");
    let arrived: Vec<_> = fs_err::read_dir(data.path().join("uploads")).unwrap().collect();
    assert!(arrived.is_empty(), "{arrived:?}");
    assert_eq!(product.delete(&format!("/videos/{video}")).await, 202);
    product.until(&video, |video| video["status"] == 404).await;
    assert!(!stored.exists(), "the upload outlived its video");
}

#[tokio::test]
async fn a_file_goes_straight_into_the_store() {
    let data = data();
    let Some(server) = S3Server::start() else { return };
    let flags = Flags::default().and(["--s3-endpoint", &server.endpoint("127.0.0.1")]);
    let flags = flags.with("AWS_ACCESS_KEY_ID", "test").with("AWS_SECRET_ACCESS_KEY", "test");
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let file = clip();
    let bytes = fs_err::read(file.path()).unwrap();
    let asked = json!({"file_name": "my clip.mp4", "bytes": bytes.len()});
    let (status, signed) = product.post("/uploads/presigned", asked).await;
    assert_eq!((status, &signed["method"]), (201, &json!("PUT")), "{signed}");
    let id = signed["upload_id"].as_str().unwrap();
    let asked = json!({"upload_id": id, "options": {"resolutions": ["360p"]}});
    let (status, video) = product.post("/videos", asked).await;
    assert_eq!((status, &video["status"]), (202, &json!("uploading")), "{video}");
    let complete = format!("/uploads/{id}/complete");
    let (status, problem) = product.post(&complete, json!({})).await;
    assert_eq!(status, 409, "{problem}");

    let mut put = reqwest::Client::new().put(signed["url"].as_str().unwrap()).body(bytes);
    for (name, value) in signed["headers"].as_object().unwrap() {
        put = put.header(name, value.as_str().unwrap());
    }
    assert_eq!(put.send().await.unwrap().status(), 200);
    let (status, found) = product.post(&complete, json!({})).await;
    assert_eq!((status, &found["file_name"]), (200, &json!("my clip.mp4")), "{found}");
    let ready = product.ready(video["id"].as_str().unwrap()).await;
    assert_eq!(ready["outputs"]["frames"], file.frames());
}
