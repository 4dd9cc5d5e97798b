//! Names as long as they may be: the workflow of a video starts whatever it is called.

use catalog::NewVideo;
use contract::{Source, VideoId, search_attributes, video::VideoWorkflow};
use serde_json::json;
use temporalio_client::WorkflowDescribeOptions;
use temporalio_common::search_attributes::SearchAttributeKey;
use uuid::Uuid;

use crate::harness::Harness;

/// The longest address that is taken.
fn url() -> String {
    let start = "https://example.com/";
    format!("{start}{}", "a".repeat(4096 - start.len()))
}

#[tokio::test]
async fn the_workflow_of_a_video_starts_whatever_it_is_called() {
    let Some(harness) = Harness::start().await else { return };
    let answer = harness.post("/videos", json!({"url": url()}).to_string()).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let taken: VideoId = answer.json()["id"].as_str().unwrap().parse().unwrap();
    let mut expected = vec![(taken, "default".to_owned(), "default".to_owned())];
    for name in ["\u{1f3ac}", "\u{8996}\"", "\u{e9}\\"] {
        let tenant = name.repeat(200 / name.chars().count());
        let source = Source::Url { url: url() };
        let new = NewVideo::new(VideoId(Uuid::now_v7()), tenant.clone(), source);
        let id = harness.api.catalog.insert(new).await.unwrap().into_video().id;
        expected.push((id, tenant.clone(), contract::text::fairness_key(&tenant)));
    }
    assert_eq!(harness.api.start_waiting().await.unwrap(), 4);
    for (id, tenant, key) in expected {
        let handle = harness.api.temporal.get_workflow_handle::<VideoWorkflow>(id.workflow_id(1));
        let started = handle.describe(WorkflowDescribeOptions::default()).await.unwrap();
        let info = started.raw().workflow_execution_info.as_ref().unwrap();
        assert_eq!(info.priority.as_ref().unwrap().fairness_key, key);
        assert!(started.static_summary().unwrap().starts_with("example.com/aaaa"));
        let attribute = SearchAttributeKey::<String>::keyword(search_attributes::TENANT);
        assert_eq!(started.search_attributes().get(&attribute), Some(tenant));
    }
}
