//! Messages to webhooks: lists of them, the log of one, replays, and what has them sent.

use std::time::Duration;

use axum::http::StatusCode;
use catalog::{NewVideo, Private, Secret, Sending, Webhook, WebhookFormat};
use contract::{
    DeliveryId, DeliveryStatus, Event, Source, VideoId,
    completion::{Input, Outcome},
    delivery::{self, DeliveryWorkflow},
};
use serde_json::{Value, json};
use temporalio_client::WorkflowDescribeOptions;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::harness::Harness;

const LIST: &str = "/webhooks/deliveries";
const URL: &str = "http://127.0.0.1:9/hook?token=hidden";

/// A video with a webhook and without a workflow.
async fn video(harness: &Harness, tenant: &str) -> VideoId {
    let source = Source::Url { url: "http://example.com/clip.mp4".into() };
    let webhook = Webhook {
        url: Secret::new(URL),
        secret: None,
        events: Event::ALL.to_vec(),
        format: WebhookFormat::Standard,
    };
    let new = NewVideo {
        private: Private { webhook: Some(webhook), stores: None },
        ..NewVideo::new(VideoId(Uuid::now_v7()), tenant, source)
    };
    harness.api.catalog.insert(new).await.unwrap().into_video().id
}

/// A message that is due and that nobody sends.
pub(crate) async fn message(harness: &Harness, tenant: &str) -> (VideoId, DeliveryId) {
    let video = video(harness, tenant).await;
    let end = Input { video, attempt: 1, outcome: Outcome::Cancelled };
    (video, harness.api.catalog.finish(&end).await.unwrap().delivery.unwrap())
}

/// Writes down that a message was sent in its first round.
async fn sent(harness: &Harness, delivery: DeliveryId, answered: u16, status: DeliveryStatus) {
    let error = (answered >= 300).then(|| format!("the receiver answered {answered}"));
    let (at, took) = (OffsetDateTime::now_utc(), Duration::from_millis(1500));
    let sending = Sending { at, took, http_status: Some(answered), error };
    let of = delivery::Input::first(delivery);
    harness.api.catalog.log_sending(of, &sending, status).await.unwrap();
}

async fn is_being_sent(harness: &Harness, delivery: DeliveryId, round: u32) -> bool {
    let id = delivery::Input { delivery, round, mac: None }.workflow_id();
    let handle = harness.api.temporal.get_workflow_handle::<DeliveryWorkflow>(id);
    handle.describe(WorkflowDescribeOptions::default()).await.is_ok()
}

fn ids(page: &Value) -> Vec<&str> {
    let deliveries = page["deliveries"].as_array().unwrap().iter();
    deliveries.map(|delivery| delivery["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn messages_are_listed_page_by_page_and_as_asked_for() {
    let Some(harness) = Harness::start().await else { return };
    let (about, first) = message(&harness, "default").await;
    let (_, second) = message(&harness, "default").await;
    let (_, third) = message(&harness, "default").await;
    message(&harness, "acme").await;
    sent(&harness, second, 200, DeliveryStatus::Delivered).await;
    let [first, second, third] = [first, second, third].map(|id| id.to_string());

    let page = harness.get(&format!("{LIST}?limit=2")).await.json();
    assert_eq!(ids(&page), [&*third, &*second], "{page:#}");
    assert_eq!(page["deliveries"][0]["webhook"]["url"], "http://127.0.0.1:9/hook");
    assert_eq!(page["deliveries"][0]["event"], "video.cancelled");
    assert!(!page.to_string().contains("hidden"), "{page:#}");
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = harness.get(&format!("{LIST}?limit=2&cursor={cursor}")).await.json();
    assert_eq!((ids(&page), &page["next_cursor"]), (vec![&*first], &Value::Null));

    for (asked, found) in [
        (String::new(), vec![&*third, &*second, &*first]),
        ("status=pending".to_owned(), vec![&*third, &*first]),
        ("status=delivered".to_owned(), vec![&*second]),
        ("status=failed".to_owned(), vec![]),
        (format!("video={about}"), vec![&*first]),
        (format!("video={about}&status=delivered"), vec![]),
        (format!("video={}", Uuid::now_v7()), vec![]),
    ] {
        let page = harness.get(&format!("{LIST}?{asked}")).await.json();
        assert_eq!(ids(&page), found, "{asked}");
    }
    for asked in
        ["status=lost", "video=x", "limit=0", "limit=201", "cursor=x", "a=b", "limit=1&limit=1"]
    {
        harness.get(&format!("{LIST}?{asked}")).await.problem(422, "invalid-request");
    }
}

#[tokio::test]
async fn a_message_is_shown_with_every_time_it_was_sent() {
    let Some(harness) = Harness::start().await else { return };
    let (_, delivery) = message(&harness, "default").await;
    let path = format!("{LIST}/{delivery}");
    let shown = harness.get(&path).await.json();
    assert_eq!((&shown["attempts"], &shown["status"]), (&json!([]), &json!("pending")));
    sent(&harness, delivery, 503, DeliveryStatus::Pending).await;
    sent(&harness, delivery, 204, DeliveryStatus::Delivered).await;
    let shown = harness.get(&path).await.json();
    assert_eq!((&shown["status"], &shown["round"]), (&json!("delivered"), &json!(1)));
    let attempts = shown["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{shown:#}");
    for (attempt, (number, answered)) in attempts.iter().zip([(1, 503), (2, 204)]) {
        assert_eq!((&attempt["number"], &attempt["round"]), (&json!(number), &json!(1)));
        assert_eq!(attempt["http_status"], answered);
        assert_eq!(attempt["took_seconds"], 1.5);
        assert!(attempt["at"].is_string(), "{attempt}");
    }
    assert_eq!(attempts[0]["error"], "the receiver answered 503");
    assert!(attempts[1]["error"].is_null(), "{shown:#}");
    assert!(!shown.to_string().contains("hidden"), "{shown:#}");
}

#[tokio::test]
async fn each_replay_begins_a_round_also_of_a_message_that_waits() {
    let Some(harness) = Harness::start().await else { return };
    let (_, delivery) = message(&harness, "default").await;
    let path = format!("{LIST}/{delivery}/replay");
    for round in 2..=3 {
        assert!(!is_being_sent(&harness, delivery, round).await);
        let answer = harness.post(&path, "").await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        let shown = answer.json();
        assert_eq!((&shown["round"], &shown["status"]), (&json!(round), &json!("pending")));
        assert!(is_being_sent(&harness, delivery, round).await);
        // The first round is over and no longer says where the message stands.
        sent(&harness, delivery, 410, DeliveryStatus::Failed).await;
    }
    let shown = harness.get(&format!("{LIST}/{delivery}")).await.json();
    assert_eq!((&shown["status"], &shown["round"]), (&json!("pending"), &json!(3)));
    let of_round_3 = delivery::Input { delivery, round: 3, mac: None };
    let taken = Sending {
        at: OffsetDateTime::now_utc(),
        took: Duration::ZERO,
        http_status: Some(200),
        error: None,
    };
    let log = harness.api.catalog.log_sending(of_round_3, &taken, DeliveryStatus::Delivered);
    log.await.unwrap();
    let shown = harness.get(&format!("{LIST}/{delivery}")).await.json();
    assert_eq!(shown["status"], "delivered");
    assert_eq!(harness.post(&path, "").await.json()["status"], "pending");
}

#[tokio::test]
async fn messages_of_others_and_unknown_ones_are_not_there() {
    let Some(harness) = Harness::start().await else { return };
    let (_, foreign) = message(&harness, "acme").await;
    for id in [foreign.to_string(), Uuid::now_v7().to_string(), "nothing".to_owned()] {
        harness.get(&format!("{LIST}/{id}")).await.problem(404, "delivery-not-found");
        let answer = harness.post(&format!("{LIST}/{id}/replay"), "").await;
        answer.problem(404, "delivery-not-found");
    }
    let row = harness.api.catalog.delivery(foreign).await.unwrap().unwrap();
    assert_eq!(row.round, 1, "replayed by somebody else");
}

#[tokio::test]
async fn a_video_cancelled_where_nobody_works_on_it_is_told_at_once() {
    let Some(harness) = Harness::start().await else { return };
    let video = video(&harness, "default").await;
    let answer = harness.post(&format!("/videos/{video}/cancel"), "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let page = harness.get(&format!("{LIST}?video={video}")).await.json();
    assert_eq!(page["deliveries"][0]["event"], "video.cancelled", "{page:#}");
    let delivery = ids(&page)[0].parse().unwrap();
    assert!(is_being_sent(&harness, delivery, 1).await);
}

#[tokio::test]
async fn a_message_that_a_crash_left_behind_is_sent_later_and_once() {
    let Some(harness) = Harness::start().await else { return };
    let (_, left) = message(&harness, "default").await;
    let (_, taken) = message(&harness, "default").await;
    sent(&harness, taken, 200, DeliveryStatus::Delivered).await;

    let look = |quiet| harness.api.reconcile_deliveries(quiet);
    assert_eq!(look(Duration::from_mins(1)).await.unwrap(), 0, "it may still be on its way");
    assert!(!is_being_sent(&harness, left, 1).await);
    assert_eq!(look(Duration::ZERO).await.unwrap(), 1);
    assert!(is_being_sent(&harness, left, 1).await);
    assert!(!is_being_sent(&harness, taken, 1).await, "it was taken already");
    assert_eq!(look(Duration::ZERO).await.unwrap(), 0);
}
