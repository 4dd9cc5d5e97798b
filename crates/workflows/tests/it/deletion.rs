//! The standard tests of `DeletionWorkflow`: it has one step.

use contract::{TaskQueue, VideoId, deletion::Input};
use temporalio_client::{
    WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowStartOptions,
};
use uuid::Uuid;
use workflows::DeletionWorkflow;

use crate::{
    bench::{Bench, with_workers},
    script::Script,
    video::record,
};

/// Runs one deletion; says whether it succeeded, with its history.
async fn delete(bench: &Bench, video: VideoId, script: Script) -> (bool, Vec<u8>) {
    bench.stage.put(video, script);
    let id = video.deletion_workflow_id();
    let options = WorkflowStartOptions::new(TaskQueue::VideoWorkflows.name(), id).build();
    let order = Input { video, mac: None };
    let handle = bench.client.start_workflow(DeletionWorkflow::run, order, options).await.unwrap();
    let result = handle.get_result(WorkflowGetResultOptions::default()).await;
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    (result.is_ok(), history.to_json().await.unwrap())
}

fn attempts(bench: &Bench, video: VideoId) -> Vec<u32> {
    bench.stage.script(video).calls.iter().map(|call| call.1).collect()
}

#[tokio::test]
async fn it_completes_and_tries_again_what_may_pass() {
    with_workers(async |bench| {
        let video = VideoId(Uuid::now_v7());
        let (ok, history) = delete(bench, video, Script::default()).await;
        assert!(ok);
        record("deletion", history);
        let video = VideoId(Uuid::now_v7());
        assert!(delete(bench, video, Script { twice: true, ..Script::default() }).await.0);
        assert_eq!(attempts(bench, video), [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_pass_ends_it() {
    with_workers(async |bench| {
        let fails = Some(("delete_video", "internal"));
        let video = VideoId(Uuid::now_v7());
        assert!(!delete(bench, video, Script { fails, ..Script::default() }).await.0);
        assert_eq!(attempts(bench, video), [1]);
    })
    .await;
}
