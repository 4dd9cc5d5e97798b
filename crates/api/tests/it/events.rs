//! Server-sent events: what changes is told, and the end is the end.

use contract::{Status, completion};

use crate::harness::Harness;

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
