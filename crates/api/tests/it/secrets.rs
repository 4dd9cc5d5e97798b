//! Secrets of webhooks that cannot sign are refused wherever one may be given.

use serde_json::{Value, json};
use storage::{Bucket, Object};

use crate::harness::Harness;

/// The three places, each with what else it needs.
fn bodies(secret: &str) -> [(&'static str, Value); 3] {
    let hook = "https://example.com/hook";
    [
        (
            "/videos",
            json!({"url": "http://example.com/a.mp4", "webhook": {"url": hook, "secret": secret}}),
        ),
        (
            "/api/transcode/submit",
            json!({"inputKey": "incoming/a.mp4", "profile": "roku-hls", "webhookUrl": hook,
                "webhookSecret": secret}),
        ),
        (
            "/v2/any/run",
            json!({"input": {
                "mediaId": "m", "creatorId": "c", "type": "video", "inputKey": "a.mp4",
                "webhookUrl": hook, "webhookSecret": secret,
                "r2Endpoint": "https://s3.example.com", "r2AccessKeyId": "id",
                "r2SecretAccessKey": "secret", "r2BucketName": "bucket",
            }}),
        ),
    ]
}

#[tokio::test]
async fn a_secret_that_cannot_sign_is_refused_and_makes_no_video() {
    let Some(harness) = Harness::start().await else { return };
    let object = Object::new(Bucket::Videos, "incoming/a.mp4").unwrap();
    harness.api.store.put_bytes(&object, &b"media"[..]).await.unwrap();
    for secret in ["", "whsec_", "whsec_not base64!", "whsec_AAE", &"x".repeat(513)] {
        for (path, body) in bodies(secret) {
            let answer = harness.post(path, body.to_string()).await;
            // Clients of the compatible endpoints know a fault in their request as 400.
            let refused = if path == "/videos" { 422 } else { 400 };
            assert_eq!(answer.status, refused, "{path} took {secret:?}: {}", answer.text());
            let said = answer.text();
            assert!(said.to_lowercase().contains("whsec_"), "{path}: {said}");
            assert!(secret.len() < 8 || !said.contains(secret), "{path} repeats it: {said}");
        }
    }
    assert_eq!(harness.get("/videos").await.json()["videos"], json!([]));
    let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjU";
    for (path, body) in bodies(good) {
        let answer = harness.post(path, body.to_string()).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    }
    // The callers of the compatible endpoints also have secrets of their own making.
    for (path, body) in bodies("a secret of their own").into_iter().skip(1) {
        let answer = harness.post(path, body.to_string()).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    }
}
