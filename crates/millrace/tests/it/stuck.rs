//! A workflow whose tasks fail on and on is ended by cancel and by DELETE.
#![expect(
    unreachable_pub,
    clippy::unused_async,
    reason = "the SDK's macros want these signatures and put the types into public impls"
)]

use std::time::{Duration, Instant};

use contract::{TaskQueue, VideoId, search_attributes, video};
use fixtures::{PATIENCE, Temporal, temporal::Options};
use serde_json::json;
use temporalio_client::{Client, WorkflowDescribeOptions, WorkflowExecutionStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    Runtime, Worker as SdkWorker, WorkerOptions, WorkflowContext, WorkflowResult,
    runtime::RuntimeOptions,
};
use workflows::DeletionWorkflow;

use crate::product::{Flags, Product, Worker, data};

/// Fails every task it is given, as a fault in a release does, or a payload that nobody can read.
#[workflow]
#[derive(Default)]
pub struct FailsOnAndOn;

#[workflow_methods]
impl FailsOnAndOn {
    #[run(name = "VideoWorkflow")]
    pub async fn run(_ctx: &mut WorkflowContext<Self>, _input: video::Input) -> WorkflowResult<()> {
        panic!("as a fault in a release does")
    }
}

#[tokio::test]
async fn a_workflow_whose_tasks_fail_is_ended_by_cancel_and_delete() {
    let attributes = search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    let options = Options::with_search_attributes(attributes);
    let Some(temporal) = Temporal::start_or_skip(options).await else { return };
    let data = data();
    let product = Product::api_alone(data.path(), &temporal.address(), &Flags::default());
    let rest = TaskQueue::ALL.into_iter().filter(|queue| *queue != TaskQueue::VideoWorkflows);
    let rest: Vec<_> = rest.map(TaskQueue::name).collect();
    let _worker = Worker::with(data.path(), &temporal.address(), &["--queues", &rest.join(",")]);
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).unwrap();
    let options = WorkerOptions::new(TaskQueue::VideoWorkflows.name());
    let options = options.register_workflow::<FailsOnAndOn>().unwrap();
    let options = options.register_workflow::<DeletionWorkflow>().unwrap().build();
    let mut worker = SdkWorker::new(&runtime, temporal.client().clone(), options).unwrap();
    let stop = worker.shutdown_handle();
    let body = async {
        let url = "http://203.0.113.7/clip.mp4";
        let (removed, stopped) =
            (product.submit(url, json!({})).await, product.submit(url, json!({})).await);
        for id in [&removed, &stopped] {
            failing(temporal.client(), id).await;
        }
        let (status, answer) = product.post(&format!("/videos/{stopped}/cancel"), json!({})).await;
        assert_eq!((status, &answer["status"]), (202, &json!("cancelled")), "{answer}");
        assert_eq!(product.delete(&format!("/videos/{removed}")).await, 202);
        product.until(&removed, |answer| answer["status"] == 404).await;
        for id in [&removed, &stopped] {
            let described = describe(temporal.client(), id).await;
            assert_eq!(described.status(), WorkflowExecutionStatus::Terminated);
        }
        stop();
    };
    let (ended, ()) = futures::future::join(worker.run(), body).await;
    ended.unwrap();
}

async fn describe(client: &Client, id: &str) -> temporalio_client::WorkflowExecutionDescription {
    let video: VideoId = id.parse().unwrap();
    let handle = client.get_workflow_handle::<video::VideoWorkflow>(video.workflow_id(1));
    handle.describe(WorkflowDescribeOptions::default()).await.unwrap()
}

/// Waits until the first task of a video's workflow has failed three times.
async fn failing(client: &Client, id: &str) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let described = describe(client, id).await;
        let task = described.raw_description.pending_workflow_task.as_ref();
        if task.is_some_and(|task| task.attempt > 3) {
            return;
        }
        assert!(Instant::now() < give_up, "{task:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
