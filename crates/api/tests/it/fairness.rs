//! Tenants take turns: one with many videos does not keep another waiting behind all of them.

use catalog::NewVideo;
use contract::{Source, TaskQueue, VideoId};
use temporalio_client::tonic::Request;
use temporalio_common::protos::temporal::api::{
    taskqueue::v1::TaskQueue as Queue, workflowservice::v1::PollWorkflowTaskQueueRequest,
};
use uuid::Uuid;

use crate::harness::Harness;

/// Videos of the tenant that came first, and of the one that came last.
const MANY: usize = 40;
const FEW: usize = 4;

async fn submit(harness: &Harness, tenant: &str, count: usize) -> Vec<String> {
    let mut workflows = vec![];
    for _ in 0..count {
        let source = Source::Url { url: "http://example.com/clip.mp4".into() };
        let new = NewVideo::new(VideoId(Uuid::now_v7()), tenant, source);
        let video = harness.api.catalog.insert(new).await.unwrap().into_video();
        api::start(&harness.api, &video).await.unwrap();
        workflows.push(video.id.workflow_id(1));
    }
    workflows
}

/// The workflow whose task a worker would get next.
async fn next(harness: &Harness) -> String {
    let request = PollWorkflowTaskQueueRequest {
        namespace: "default".into(),
        task_queue: Some(Queue {
            name: TaskQueue::VideoWorkflows.name().into(),
            ..Queue::default()
        }),
        identity: "test".into(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let mut service = harness.api.temporal.connection().workflow_service();
    let answer = service.poll_workflow_task_queue(Request::new(request)).await.unwrap();
    answer.into_inner().workflow_execution.unwrap().workflow_id
}

#[tokio::test]
async fn a_tenant_that_comes_last_does_not_wait_for_all_others() {
    let Some(harness) = Harness::start().await else { return };
    submit(&harness, "many", MANY).await;
    let few = submit(&harness, "few", FEW).await;
    let mut served = vec![];
    while !few.iter().all(|workflow| served.contains(workflow)) {
        served.push(next(&harness).await);
    }
    let places: Vec<_> = served.iter().map(|one| usize::from(few.contains(one))).collect();
    assert!(served.len() <= MANY / 2, "{places:?}");
}
