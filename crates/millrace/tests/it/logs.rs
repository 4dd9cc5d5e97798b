//! Log lines as JSON: each says which video it is about, and none holds a secret.

use std::time::{Duration, Instant};

use fixtures::{Clip, PATIENCE};
use serde_json::{Value, json};

use crate::{
    product::{Flags, Product, data},
    sources::serve,
};

const SECRET: &str = "a-token-nobody-may-see";
const REQUEST: &str = "request-7-of-this-test";

/// Every line so far; each must be one JSON object.
fn lines(log: &std::path::Path) -> Vec<Value> {
    let text = fs_err::read_to_string(log).unwrap();
    // The last line may still be on its way.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

/// The lines about a video, once its end was logged.
async fn about(log: &std::path::Path, id: &str) -> Vec<Value> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let about: Vec<_> = lines(log).into_iter().filter(|line| line["video"] == id).collect();
        if about.iter().any(|line| line["activity"] == "record_outcome") {
            return about;
        }
        assert!(Instant::now() < give_up, "no end in {about:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn lines_carry_their_video_and_no_secret() {
    let (data, folder) = (data(), tempfile::tempdir().unwrap());
    let log = folder.path().join("log");
    let to_file = |command: &mut std::process::Command| {
        command.stderr(fs_err::File::create(&log).unwrap().into_parts().0);
    };
    let level = "info,api=debug,activities=debug,ffmpeg=debug,fetch=debug,storage=debug";
    let flags = Flags::short_chunks().and(["--log-format", "json", "--log", level]);
    let Some(product) = Product::start_with(data.path(), &flags, to_file) else { return };
    let clip = Clip::new().seconds(8).path();
    let base = serve(clip.parent().unwrap().to_owned()).await;
    let name = clip.file_name().unwrap().to_str().unwrap();
    let options = json!({"preset": "ultrafast"});
    let good = product.submit(&format!("{base}/{name}?token={SECRET}"), options.clone()).await;
    let bad = product.submit(&format!("{base}/gone?token={SECRET}"), options).await;
    product.ready(&good).await;
    assert_eq!(product.ended(&bad).await["status"], "failed");
    let asked = product.request("GET", &format!("/videos/{good}")).header("x-request-id", REQUEST);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], REQUEST);

    let (of_good, of_bad) = (about(&log, &good).await, about(&log, &bad).await);
    let encoding = |line: &&Value| line["activity"] == "transcode_chunk" && line["chunk"].is_u64();
    assert!(of_good.iter().filter(encoding).count() >= 2, "{of_good:#?}");
    let failure = of_bad.iter().find(|line| line["code"] == "source_not_found").unwrap();
    assert_eq!(failure["activity"], "download_source");
    assert_eq!((&failure["attempt"], &failure["level"]), (&json!(1), &json!("WARN")));
    let request = of_good.iter().find(|line| line["request_id"] == REQUEST).unwrap();
    assert_eq!((&request["method"], &request["route"]), (&json!("GET"), &json!("/videos/{id}")));
    let text = fs_err::read_to_string(&log).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    for line in lines(&log) {
        let of_work = line["target"].as_str().unwrap().starts_with("activities");
        assert!(!of_work || line["video"].is_string(), "{line}");
    }
}
