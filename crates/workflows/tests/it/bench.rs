//! A server, one worker per queue, and the calls tests make on them.

use std::time::Duration;

use contract::{Source, TaskQueue, VideoId, search_attributes, video};
use fixtures::{PATIENCE, Temporal, temporal::Options};
use media::plan::Limits;
use temporalio_client::{
    Client, WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowHandle,
    WorkflowStartOptions, errors::WorkflowGetResultError,
};
use temporalio_sdk::{Runtime, Worker, WorkerOptions, runtime::RuntimeOptions};
use uuid::Uuid;
use workflows::{CompletionWorkflow, DeletionWorkflow, DeliveryWorkflow, VideoWorkflow};

use crate::script::{Script, Stage};

/// Runs `test` while workers for every queue are running; says so and returns where Temporal is absent.
pub(crate) async fn with_workers(test: impl AsyncFnOnce(&Bench)) {
    with_workers_of(&TaskQueue::ALL, test).await;
}

/// The same with workers for these queues only.
pub(crate) async fn with_workers_of(queues: &[TaskQueue], test: impl AsyncFnOnce(&Bench)) {
    let attributes = search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    let Some(temporal) = Temporal::start_or_skip(Options::with_search_attributes(attributes)).await
    else {
        return;
    };
    let stage = Stage::default();
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).unwrap();
    let mut workers: Vec<Worker> = queues
        .iter()
        .map(|queue| {
            let options = WorkerOptions::new(queue.name())
                .max_heartbeat_throttle_interval(Duration::from_millis(100));
            let options = match queue {
                TaskQueue::VideoWorkflows => options
                    .register_workflow::<VideoWorkflow>()
                    .unwrap()
                    .register_workflow::<CompletionWorkflow>()
                    .unwrap()
                    .register_workflow::<DeletionWorkflow>()
                    .unwrap()
                    .register_workflow::<DeliveryWorkflow>()
                    .unwrap()
                    .build(),
                _ => options.register_activities(stage.clone()).build(),
            };
            Worker::new(&runtime, temporal.client().clone(), options).unwrap()
        })
        .collect();
    let stops: Vec<_> = workers.iter().map(Worker::shutdown_handle).collect();
    let bench = Bench { client: temporal.client().clone(), stage };
    let body = async {
        test(&bench).await;
        for stop in &stops {
            stop();
        }
    };
    let running = futures::future::join_all(workers.iter_mut().map(Worker::run));
    let (ended, ()) = futures::future::join(running, body).await;
    for result in ended {
        result.unwrap();
    }
}

/// What a test works with.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) stage: Stage,
}

impl Bench {
    /// Starts a video that follows a script.
    pub(crate) async fn start(&self, script: Script) -> Run {
        let id = VideoId(Uuid::now_v7());
        let (options, export) = (script.options.clone(), script.export.clone());
        let change = script.change;
        let source_limits = script.source_limits;
        self.stage.put(id, script);
        let mut input = video::Input {
            video: id,
            attempt: 1,
            tenant: "default".into(),
            source: Source::Url { url: "https://example.com/a.mp4?token=secret".into() },
            options,
            limits: Limits {
                parallel_chunks: 2,
                chunk_seconds: Some(12),
                enhancement_seconds: u32::try_from(PATIENCE.as_secs()).ok(),
                source: source_limits,
                ..Limits::default()
            },
            export,
            mac: None,
        };
        if let Some(change) = change {
            change(&mut input);
        }
        let options =
            WorkflowStartOptions::new(TaskQueue::VideoWorkflows.name(), id.workflow_id(1)).build();
        self.client.start_workflow(VideoWorkflow::run, input, options).await.unwrap();
        Run { id, handle: self.client.get_workflow_handle(id.workflow_id(1)) }
    }

    /// Runs a video to its end, its report included, and returns its result and the script.
    pub(crate) async fn run(
        &self,
        script: Script,
    ) -> (Result<video::Output, WorkflowGetResultError>, Script) {
        let run = self.start(script).await;
        let result = run.handle.get_result(WorkflowGetResultOptions::default()).await;
        self.reported(run.id).await;
        (result, self.stage.script(run.id))
    }

    /// Waits for the report of a video.
    pub(crate) async fn reported(&self, id: VideoId) {
        let report =
            self.client.get_workflow_handle::<CompletionWorkflow>(id.completion_workflow_id(1));
        // The test looks at what was reported, not at how reporting ended.
        let _ = report.get_result(WorkflowGetResultOptions::default()).await;
    }

    /// History of a video as JSON.
    pub(crate) async fn history(&self, run: &Run) -> Vec<u8> {
        run.handle.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await.unwrap()
    }

    /// History of the report of a video as JSON.
    pub(crate) async fn report_history(&self, id: VideoId) -> Vec<u8> {
        let id = id.completion_workflow_id(1);
        let report = self.client.get_workflow_handle::<CompletionWorkflow>(id);
        report.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await.unwrap()
    }
}

/// A started video.
pub(crate) struct Run {
    pub(crate) id: VideoId,
    pub(crate) handle: WorkflowHandle<Client, VideoWorkflow>,
}
