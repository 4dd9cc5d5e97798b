//! Live progress of a video whose first chunk is being encoded.

use fixtures::PATIENCE;

use crate::{
    fake::{chunking, encoding, working},
    harness::Harness,
};

#[tokio::test]
async fn frames_in_flight_move_the_progress() {
    let Some(harness) = Harness::start().await else { return };
    let body = async {
        let id = harness.create().await;
        harness.api.catalog.begin(id, 1).await.unwrap();
        let path = format!("/videos/{id}");
        let moved = async {
            loop {
                let progress = harness.get(&path).await.json()["progress"].clone();
                if progress["percent"].as_f64().is_some_and(|percent| percent > 0.0) {
                    return progress;
                }
            }
        };
        tokio::time::timeout(PATIENCE, moved).await
    };
    let workers = [chunking(), encoding()];
    let progress = Box::pin(working(&harness.api.temporal, workers, body)).await;
    let progress = progress.expect("the heartbeat is seen");
    assert_eq!(progress["percent"], 25.0);
    assert_eq!(progress["rungs"][1], serde_json::json!({"name": "360p", "percent": 25.0}));
    assert_eq!(progress["chunk_map"], ">");
    assert_eq!((&progress["chunks_done"], &progress["chunks_total"]), (&0.into(), &1.into()));
}
