//! One record of the catalogue that cannot be read: it says so in its place, and all others go on.

use std::time::Duration;

use catalog::{Catalog, NewVideo, Private, Secret, Vault, Webhook, WebhookFormat};
use contract::{Event, Source, Status, VideoId, video::VideoWorkflow};
use serde_json::json;
use temporalio_client::WorkflowDescribeOptions;
use uuid::Uuid;

use crate::harness::Harness;

/// Adds a video whose secrets were sealed with a key that nobody has any more.
async fn add_unreadable(harness: &Harness) -> VideoId {
    let stranger = Catalog::open(harness.database(), Vault::ephemeral().unwrap()).await.unwrap();
    let webhook = Webhook {
        url: Secret::new("https://example.com/hook"),
        secret: None,
        events: Event::ALL.to_vec(),
        format: WebhookFormat::Standard,
    };
    let source = Source::Url { url: "http://example.com/clip.mp4".into() };
    let new = NewVideo {
        private: Private { webhook: Some(webhook), stores: None },
        ..NewVideo::new(VideoId(Uuid::now_v7()), "default", source)
    };
    stranger.insert(new).await.unwrap().into_video().id
}

async fn has_workflow(harness: &Harness, id: VideoId) -> bool {
    let handle = harness.api.temporal.get_workflow_handle::<VideoWorkflow>(id.workflow_id(1));
    handle.describe(WorkflowDescribeOptions::default()).await.is_ok()
}

#[tokio::test]
async fn one_bad_row_is_shown_in_its_place_and_holds_nobody_up() {
    let Some(harness) = Harness::start().await else { return };
    let before = harness.insert().await;
    let bad = add_unreadable(&harness).await;
    let after = harness.insert().await;
    let answer = harness.get("/videos").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    let ids: Vec<_> = page["videos"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, [&json!(after), &json!(bad), &json!(before)]);
    let shown = &page["videos"][1];
    assert_eq!(
        (&shown["error"]["code"], &shown["status"]),
        (&json!("internal"), &json!("uploaded"))
    );
    assert_eq!(shown["source"]["kind"], "unknown");
    let jobs = harness.get("/api/transcode/jobs").await.json();
    let jobs = jobs["jobs"].as_array().unwrap();
    assert_eq!(jobs[1]["jobId"], json!(bad));
    assert!(jobs[1]["error"].as_str().unwrap().contains("cannot be read"), "{jobs:?}");

    // Neither the look at the start nor the one every minute stops at it.
    assert_eq!(harness.api.start_waiting().await.unwrap(), 2);
    for id in [before, after] {
        assert!(has_workflow(&harness, id).await);
    }
    let late = harness.insert().await;
    harness.api.catalog.begin(before, 1).await.unwrap();
    assert_eq!(harness.api.reconcile(Duration::ZERO).await.unwrap(), 1);
    assert!(has_workflow(&harness, late).await && !has_workflow(&harness, bad).await);
    assert_eq!(harness.row(late).await.status, Status::Uploaded);
    harness.api.settle_uploads().await.unwrap();
    assert_eq!(harness.api.settle_removals().await.unwrap(), 0);
}
