//! The catalogue and Temporal after a crash: each learns what the other knows, and nothing twice.

use std::time::Duration;

use contract::{ErrorCode, Status, VideoId, video::VideoWorkflow};
use temporalio_client::{
    WorkflowDescribeOptions, WorkflowGetResultOptions, WorkflowTerminateOptions,
};

use crate::{
    fake::{forgetting, working},
    harness::Harness,
};

async fn heal(harness: &Harness) -> u64 {
    harness.api.reconcile(Duration::ZERO).await.unwrap()
}

async fn has_workflow(harness: &Harness, id: VideoId) -> bool {
    let handle = harness.api.temporal.get_workflow_handle::<VideoWorkflow>(id.workflow_id(1));
    handle.describe(WorkflowDescribeOptions::default()).await.is_ok()
}

#[tokio::test]
async fn a_row_without_a_workflow_gets_one() {
    let Some(harness) = Harness::start().await else { return };
    let (left, running) = (harness.insert().await, harness.create().await);
    assert!(!has_workflow(&harness, left).await);
    assert_eq!(heal(&harness).await, 1);
    assert!(has_workflow(&harness, left).await && has_workflow(&harness, running).await);
    assert_eq!(heal(&harness).await, 0);
    assert_eq!(harness.row(left).await.status, Status::Uploaded);
}

#[tokio::test]
async fn rows_that_have_just_changed_are_left_alone() {
    let Some(harness) = Harness::start().await else { return };
    let left = harness.insert().await;
    assert_eq!(harness.api.reconcile(Duration::from_mins(1)).await.unwrap(), 0);
    assert!(!has_workflow(&harness, left).await);
}

#[tokio::test]
async fn a_workflow_that_was_terminated_fails_its_video() {
    let Some(harness) = Harness::start().await else { return };
    for begun in [false, true] {
        let id = harness.create().await;
        if begun {
            harness.api.catalog.begin(id, 1).await.unwrap();
        }
        let handle = harness.api.temporal.get_workflow_handle::<VideoWorkflow>(id.workflow_id(1));
        handle.terminate(WorkflowTerminateOptions::default()).await.unwrap();
        assert_eq!(heal(&harness).await, 1);
        let row = harness.row(id).await;
        assert_eq!((row.status, row.error.unwrap().code), (Status::Failed, ErrorCode::Internal));
        assert_eq!(heal(&harness).await, 0);
    }
}

#[tokio::test]
async fn a_begun_video_whose_workflow_is_unknown_fails() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.insert().await;
    harness.api.catalog.begin(id, 1).await.unwrap();
    assert_eq!(heal(&harness).await, 1);
    assert_eq!(harness.row(id).await.status, Status::Failed);
}

#[tokio::test]
async fn an_end_that_nobody_wrote_down_is_written() {
    let Some(harness) = Harness::start().await else { return };
    let body = async {
        let made = harness.create().await;
        let answer = harness.post("/videos", r#"{"url": "http://example.com/full.mp4"}"#).await;
        let failed: VideoId = answer.json()["id"].as_str().unwrap().parse().unwrap();
        for id in [made, failed] {
            harness.api.catalog.begin(id, 1).await.unwrap();
            let handle =
                harness.api.temporal.get_workflow_handle::<VideoWorkflow>(id.workflow_id(1));
            // One of them fails, and both have ended.
            let _ = handle.get_result(WorkflowGetResultOptions::default()).await;
        }
        (made, failed)
    };
    let (made, failed) = Box::pin(working(&harness.api.temporal, [forgetting()], body)).await;
    assert_eq!(heal(&harness).await, 2);
    let row = harness.row(made).await;
    assert_eq!((row.status, row.outputs.unwrap().frames), (Status::Ready, 7));
    let row = harness.row(failed).await;
    assert_eq!((row.status, row.error.unwrap().code), (Status::Failed, ErrorCode::NoSpace));
    assert_eq!(heal(&harness).await, 0);
}
