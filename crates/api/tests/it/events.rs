//! Server-sent events: what changes is told, and the end is the end.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use api::{Bounds, Settings};
use axum::{body::Body, http::Request};
use contract::{Status, completion};
use fixtures::PATIENCE;
use futures::{StreamExt as _, future::join_all};
use tower::ServiceExt as _;

use crate::{
    fake::{QUERIES, chunking, encoding, working},
    harness::{Harness, ask},
};

/// Names and data of the events of a finished stream.
fn parse(text: &str) -> Vec<(String, serde_json::Value)> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    text.split("\n\n")
        .filter(|block| block.contains("data:"))
        .map(|block| {
            (field(block, "event:"), serde_json::from_str(&field(block, "data:")).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_video_is_followed_to_its_end() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.create().await;
    let path = format!("/videos/{id}/events");
    let end = completion::Input { video: id, attempt: 1, outcome: completion::Outcome::Cancelled };
    let finish = async {
        // The stream has begun once the first event was made; its end does not depend on when.
        tokio::task::yield_now().await;
        harness.api.catalog.finish(&end).await.unwrap();
    };
    let (answer, ()) = futures::future::join(harness.get(&path), finish).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let events = parse(&answer.text());
    let (name, video) = events.last().unwrap();
    assert_eq!(name, Status::Cancelled.as_str());
    assert_eq!(video["id"], id.to_string());
    assert_eq!(video["status"], "cancelled");
    let mut told: Vec<_> = events.iter().map(|(_, video)| video.to_string()).collect();
    let all = told.len();
    told.dedup();
    assert_eq!(told.len(), all, "nothing is told twice");
}

#[tokio::test]
async fn an_unknown_video_has_no_events() {
    let Some(harness) = Harness::start().await else { return };
    harness.get("/videos/0/events").await.problem(404, "video-not-found");
}

#[tokio::test]
async fn many_viewers_of_a_video_cost_one_look_each_second() {
    const VIEWERS: usize = 50;
    let Some(harness) = Harness::start().await else { return };
    let body = async {
        let id = harness.create().await;
        harness.api.catalog.begin(id, 1).await.unwrap();
        let path = format!("/videos/{id}/events");
        let outcome = completion::Outcome::Cancelled;
        let end = completion::Input { video: id, attempt: 1, outcome };
        let finish = async {
            let give_up = Instant::now() + PATIENCE;
            while QUERIES.load(Ordering::Relaxed) < 3 && Instant::now() < give_up {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            harness.api.catalog.finish(&end).await.unwrap();
        };
        let viewers = join_all((0..VIEWERS).map(|_| harness.get(&path)));
        let started = Instant::now();
        let (answers, ()) = Box::pin(futures::future::join(viewers, finish)).await;
        (answers, started.elapsed())
    };
    let workers = [chunking(), encoding()];
    let (answers, took) = Box::pin(working(&harness.api.temporal, workers, body)).await;
    for answer in answers {
        let events = parse(&answer.text());
        assert!(events.len() >= 2, "{}", answer.text());
        assert_eq!(events.last().unwrap().0, "cancelled");
    }
    let looks = QUERIES.load(Ordering::Relaxed);
    assert!((3..=took.as_secs() + 2).contains(&looks), "{looks} looks in {took:?}");
}

#[tokio::test]
async fn a_process_has_no_more_streams_than_it_may() {
    let Some(harness) = Harness::start().await else { return };
    let bounds = Bounds { event_streams: 1, ..Bounds::default() };
    let router = harness.router_of(Settings { bounds, ..harness.api.settings.clone() });
    let path = format!("/videos/{}/events", harness.create().await);
    let request = || Request::get(&path).body(Body::empty()).unwrap();
    let first = router.clone().oneshot(request()).await.unwrap();
    let mut first = first.into_body().into_data_stream();
    first.next().await.unwrap().unwrap();
    let refused = ask(&router, request()).await;
    let problem = refused.problem(429, "too-many-streams");
    assert!(problem["detail"].as_str().unwrap().contains("--event-streams-max"), "{problem}");
    assert_eq!(refused.header("retry-after"), "10");
    drop(first);
    let second = router.clone().oneshot(request()).await.unwrap();
    assert_eq!(second.status(), 200);
}
