//! Workers that decide and encode nothing, but behave as the real ones do towards the API.
#![expect(
    unreachable_pub,
    clippy::unused_async,
    clippy::unused_self,
    reason = "the SDK's macros want these signatures and put the types into public impls"
)]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use contract::{
    Progress, RungProgress, StoredSource, TaskQueue,
    transcode_chunk::{self, Beat},
    video,
};
use media::{
    options::Preset,
    plan::VideoPlan,
    rate::{FrameRate, Grid},
    source::{Color, Rotation, VideoFacts},
    timeline::{TimeBase, Timeline},
};
use temporalio_client::Client;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, ApplicationFailure, Runtime, Worker, WorkerOptions, WorkflowContext,
    WorkflowContextView, WorkflowResult,
    activities::{ActivityContext, ActivityError},
    runtime::RuntimeOptions,
};

/// Length of the video that [`OneChunk`] encodes.
pub(crate) const FRAMES: u64 = 300;

/// How often a progress was asked for; each test is a process of its own.
pub(crate) static QUERIES: AtomicU64 = AtomicU64::new(0);

/// Counts as the real workflow does: by whole chunks, of which none ends here.
#[workflow]
pub struct OneChunk {
    input: video::Input,
}

#[workflow_methods]
impl OneChunk {
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: video::Input) -> Self {
        Self { input }
    }

    #[run(name = "VideoWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = chunk(&ctx.state(|state| state.input.clone()));
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_mins(1))
            .task_queue(TaskQueue::Transcode.name().to_owned())
            .heartbeat_timeout(Duration::from_secs(30))
            .build();
        ctx.execute_activity(Encoder::transcode_chunk, input, options).await?;
        Ok(())
    }

    #[query]
    pub fn progress(&self, _ctx: &WorkflowContextView) -> Progress {
        QUERIES.fetch_add(1, Ordering::Relaxed);
        let rung = |name: &str| RungProgress { name: name.into(), percent: 0.0 };
        Progress {
            chunks_total: 1,
            chunk_map: ".".into(),
            frames_total: FRAMES,
            rungs: vec![rung("720p"), rung("360p")],
            ..Progress::default()
        }
    }
}

/// Encodes a quarter and waits.
pub struct Encoder;

#[activities]
impl Encoder {
    #[activity(name = "transcode_chunk")]
    pub async fn transcode_chunk(
        ctx: ActivityContext,
        _chunk: transcode_chunk::Input,
    ) -> Result<transcode_chunk::Output, ActivityError> {
        ctx.record_heartbeat(Beat { chunk: Some(0), frames: FRAMES / 4 }).await?;
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

/// Ends at once.
#[workflow]
#[derive(Default)]
pub struct Ends;

#[workflow_methods]
impl Ends {
    #[run(name = "VideoWorkflow")]
    pub async fn run(_ctx: &mut WorkflowContext<Self>, _input: video::Input) -> WorkflowResult<()> {
        Ok(())
    }
}

/// Makes the video at once, or fails it where its address says so, and reports neither.
#[workflow]
#[derive(Default)]
pub struct Forgets;

#[workflow_methods]
impl Forgets {
    #[run(name = "VideoWorkflow")]
    pub async fn run(
        _ctx: &mut WorkflowContext<Self>,
        input: video::Input,
    ) -> WorkflowResult<video::Output> {
        if input.source.to_string().contains("full") {
            let failure = ApplicationFailure::builder(anyhow::anyhow!("the disk is full"));
            return Err(failure
                .type_name("no_space".to_owned())
                .non_retryable(true)
                .build()
                .into());
        }
        Ok(video::Output {
            source: contract::SourceSummary::default(),
            outputs: contract::Outputs { frames: 7, ..contract::Outputs::default() },
            warnings: vec![],
        })
    }
}

/// Options of a worker that decides as [`Forgets`] does.
pub(crate) fn forgetting() -> WorkerOptions {
    let options = WorkerOptions::new(TaskQueue::VideoWorkflows.name());
    options.register_workflow::<Forgets>().unwrap().build()
}

/// Options of a worker that decides as [`OneChunk`] does.
pub(crate) fn chunking() -> WorkerOptions {
    let options = WorkerOptions::new(TaskQueue::VideoWorkflows.name());
    options.register_workflow::<OneChunk>().unwrap().build()
}

/// Options of a worker that decides as [`Ends`] does.
pub(crate) fn ending() -> WorkerOptions {
    let options = WorkerOptions::new(TaskQueue::VideoWorkflows.name());
    options.register_workflow::<Ends>().unwrap().build()
}

/// Options of a worker that encodes as [`Encoder`] does.
pub(crate) fn encoding() -> WorkerOptions {
    WorkerOptions::new(TaskQueue::Transcode.name())
        .register_activities(Encoder)
        .graceful_shutdown_period(Duration::from_millis(1))
        .build()
}

/// Runs workers while `body` runs.
pub(crate) async fn working<T>(
    client: &Client,
    options: impl IntoIterator<Item = WorkerOptions>,
    body: impl Future<Output = T>,
) -> T {
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).unwrap();
    let worker = |options| Worker::new(&runtime, client.clone(), options).unwrap();
    let mut workers: Vec<Worker> = options.into_iter().map(worker).collect();
    let stops: Vec<_> = workers.iter().map(Worker::shutdown_handle).collect();
    let body = async {
        let result = body.await;
        for stop in &stops {
            stop();
        }
        result
    };
    let run = futures::future::join_all(workers.iter_mut().map(Worker::run));
    let (result, ended) = tokio::join!(body, run);
    for ended in ended {
        ended.unwrap();
    }
    result
}

fn chunk(video: &video::Input) -> transcode_chunk::Input {
    let rate = FrameRate::new(25, 1).unwrap();
    let timeline = Timeline {
        time_base: TimeBase { num: 1, den: 25 },
        start_ticks: 0,
        lead_ticks: 0,
        last_ticks: 299,
        frames: FRAMES,
        rate,
        constant: true,
        grid_frames: FRAMES,
        gap_frames_max: 1,
        key_frames: 6,
        key_interval_max: 50,
        holds: vec![],
        finer: false,
    };
    let facts = VideoFacts {
        stream: 0,
        codec: "h264".into(),
        profile: None,
        pixel_format: "yuv420p".into(),
        coded_width: 1280,
        coded_height: 720,
        sample_aspect: (1, 1),
        rotation: Rotation::None,
        mirrored: false,
        slanted: false,
        color: Color::default(),
        dolby_vision: None,
        field_order: None,
        timeline,
        packets: FRAMES,
        seeks: media::source::Seeks::KeyFrames,
        frames_promised: None,
    };
    let plan = VideoPlan {
        facts,
        container_start_us: 0,
        grid: Grid { rate, frames: FRAMES },
        rungs: vec![],
        preset: Preset::Veryfast,
        chunks: 1,
        threads: 1,
        encoder: media::plan::Encoder::X264,
        watermark: None,
    };
    let source = StoredSource { bucket: "videos".into(), key: "a".into(), bytes: 1, etag: None };
    transcode_chunk::Input { video: video.video, attempt: video.attempt, source, plan, chunk: 0 }
}
