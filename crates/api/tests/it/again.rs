//! Asking again: the same request twice, and a failed video once more.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use contract::{
    ErrorCode, Failure, Status, VideoId,
    completion::{Input, Outcome},
};
use storage::{Bucket, Object};

use crate::harness::{Answer, Harness};

async fn post(harness: &Harness, key: &str, url: &str) -> Answer {
    let body = serde_json::json!({"url": url, "metadata": {"a": 1}}).to_string();
    let request = Request::post("/videos")
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    harness.send(request.body(Body::from(body)).unwrap()).await
}

async fn fail(harness: &Harness, video: VideoId, attempt: u32) {
    let failure = Failure { code: ErrorCode::NoSpace, message: "the disk is full".into() };
    let outcome = Outcome::Failed { failure, warnings: vec![] };
    harness.api.catalog.finish(&Input { video, attempt, outcome }).await.unwrap();
}

#[tokio::test]
async fn a_request_sent_again_under_its_key_makes_no_second_video() {
    let Some(harness) = Harness::start().await else { return };
    let first = post(&harness, "order-7", "http://example.com/a.mp4").await;
    let again = post(&harness, "order-7", "http://example.com/a.mp4").await;
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = post(&harness, "order-7", "http://example.com/b.mp4").await;
    other.problem(422, "idempotency-key-reused");
    assert_eq!(harness.get("/videos").await.json()["videos"].as_array().unwrap().len(), 1);
    post(&harness, "", "http://example.com/a.mp4").await.problem(422, "invalid-request");
    post(&harness, &"k".repeat(256), "http://example.com/a.mp4")
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn a_failed_video_is_tried_again_as_often_as_allowed() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.create().await;
    let path = format!("/videos/{id}/retry");
    let problem = harness.post(&path, "").await.problem(409, "not-retryable");
    assert_eq!(problem["video_status"], "uploaded");
    fail(&harness, id, 1).await;
    let answer = harness.post(&path, "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    assert_eq!(
        (&answer.json()["attempt"], &answer.json()["status"]),
        (&2.into(), &"uploaded".into())
    );
    assert!(answer.json()["error"].is_null());
    let running = harness
        .api
        .temporal
        .get_workflow_handle::<contract::video::VideoWorkflow>(id.workflow_id(2));
    assert!(running.describe(temporalio_client::WorkflowDescribeOptions::default()).await.is_ok());
    assert_eq!(harness.row(id).await.status, Status::Uploaded);
    fail(&harness, id, 2).await;
    let problem = harness.post(&path, "").await.problem(409, "not-retryable");
    assert_eq!(problem["video_status"], "failed");
    let told = harness.get(&format!("/videos/{id}/jobs")).await.json();
    let jobs = told["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 2, "{told}");
    for (job, attempt) in jobs.iter().zip(1..) {
        assert_eq!((&job["attempt"], &job["status"]), (&attempt.into(), &"failed".into()));
        assert_eq!(job["error"]["message"], "the disk is full");
        assert!(job["ended_at"].is_string() && job["began_at"].is_null(), "{job}");
    }
    harness.post("/videos/nothing/retry", "").await.problem(404, "video-not-found");
}

/// Posts to a front door under a key.
async fn knock(harness: &Harness, path: &str, key: &str, body: &serde_json::Value) -> Answer {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    harness.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn the_front_doors_know_a_request_that_is_sent_again() {
    let Some(harness) = Harness::start().await else { return };
    for name in ["a", "b"] {
        let object = Object::new(Bucket::Videos, format!("incoming/{name}.mp4")).unwrap();
        harness.api.store.put_bytes(&object, &b"media"[..]).await.unwrap();
    }
    let submit = serde_json::json!({"inputKey": "incoming/a.mp4", "profile": "roku-hls"});
    let run = serde_json::json!({"input": {
        "mediaId": "m", "creatorId": "c", "type": "video", "inputKey": "a.mp4",
        "r2Endpoint": "https://s3.example.com", "r2AccessKeyId": "id",
        "r2SecretAccessKey": "secret", "r2BucketName": "bucket",
    }});
    for (path, id, mut body, changed) in [
        ("/api/transcode/submit", "jobId", submit, "/inputKey"),
        ("/v2/any/run", "id", run, "/input/inputKey"),
    ] {
        let first = knock(&harness, path, path, &body).await;
        let again = knock(&harness, path, path, &body).await;
        assert_eq!((first.status, again.status), (StatusCode::OK, StatusCode::OK));
        assert!(first.json()[id].is_string(), "{}", first.text());
        assert_eq!(first.json(), again.json());
        let other = knock(&harness, path, &format!("another{path}"), &body).await;
        assert_eq!(other.status, StatusCode::OK, "{}", other.text());
        assert_ne!(first.json()[id], other.json()[id], "another key is another job");
        *body.pointer_mut(changed).unwrap() = "incoming/b.mp4".into();
        let refused = knock(&harness, path, path, &body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
        assert_eq!(refused.json()["success"], false);
        let refused = knock(&harness, path, "", &body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
        assert_eq!(refused.json()["success"], false, "told in the shape of the front door");
    }
    assert_eq!(harness.get("/videos").await.json()["videos"].as_array().unwrap().len(), 4);
}
