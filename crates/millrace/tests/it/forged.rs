//! Workflows that somebody else starts straight at Temporal: nothing is fetched, copied, published,
//! deleted or told. The control of each is the same input with the code that only we can make.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, http::StatusCode};
use catalog::{Catalog, NewVideo, Vault};
use contract::{
    Export, Mac, Source, TaskQueue, VideoId,
    completion::{self, CompletionWorkflow, Outcome},
    deletion::{self, DeletionWorkflow},
    delivery::{self, DeliveryWorkflow},
    video::{self, VideoWorkflow},
};
use fixtures::Clip;
use media::{options::Options, plan::Limits};
use serde_json::json;
use tempfile::TempDir;
use temporalio_client::{
    Client, WorkflowGetResultOptions, WorkflowStartOptions, errors::WorkflowGetResultError,
};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};
use uuid::Uuid;

use crate::product::{Flags, Product, data};

/// A server that counts who asks: for a clip below `/clip`, and as a receiver that takes nothing.
async fn counting(clip: PathBuf) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new()
        .route_service("/clip.mp4", tower_http::services::ServeFile::new(clip))
        .fallback(async || StatusCode::SERVICE_UNAVAILABLE)
        .layer(axum::middleware::map_request(move |request: axum::extract::Request| {
            count.fetch_add(1, Ordering::SeqCst);
            async move { request }
        }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (format!("http://{address}"), asked)
}

/// A running instance, somebody who reaches its Temporal server, and somebody who has its key.
struct Stage {
    product: Product,
    attacker: Client,
    ours: Catalog,
    data: TempDir,
    base: String,
    asked: Arc<AtomicUsize>,
}

impl Stage {
    async fn start() -> Option<Self> {
        let data = data();
        let networks = ["--allow-webhook-networks", "127.0.0.1/32"];
        // Nothing that is sent again is, within the test.
        let flags = Flags::default().and(networks).and(["--webhook-pause-ms", "3600000"]);
        let product = Product::start(data.path(), &flags)?;
        let (base, asked) = counting(Clip::new().seconds(2).path()).await;
        let vault = fs_err::read_to_string(data.path().join("secret.key")).unwrap();
        let url = catalog::sqlite_url(&data.path().join("catalog.db")).unwrap();
        let ours = Catalog::open(&url, Vault::from_text(&vault).unwrap()).await.unwrap();
        let attacker = product.temporal().await;
        Some(Self { product, attacker, ours, data, base, asked })
    }

    /// Runs a workflow to its end; says why it failed.
    async fn run<W>(&self, workflow: W, id: &str, input: W::Input) -> Result<(), String>
    where
        W: WorkflowDefinition + HasWorkflowDefinition<Run = W>,
        W::Input: Send,
        W::Output: Send,
    {
        let options = WorkflowStartOptions::new(TaskQueue::VideoWorkflows.name(), id).build();
        let handle = self.attacker.start_workflow(workflow, input, options).await.unwrap();
        match handle.get_result(WorkflowGetResultOptions::default()).await {
            Ok(_) => Ok(()),
            Err(WorkflowGetResultError::Failed(error)) => Err(format!("{:?}", error.failure())),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn refused<W>(&self, workflow: W, id: &str, input: W::Input)
    where
        W: WorkflowDefinition + HasWorkflowDefinition<Run = W>,
        W::Input: Send,
        W::Output: Send,
    {
        let error = self.run(workflow, id, input).await.unwrap_err();
        assert!(error.contains("unauthorized"), "{id}: {error}");
    }

    /// Every object of every store, with its size.
    fn objects(&self) -> BTreeMap<PathBuf, u64> {
        let mut found = BTreeMap::new();
        collect(&self.data.path().join("media"), &mut found);
        found
    }

    async fn made(&self, webhook: bool) -> VideoId {
        let mut asked = json!({
            "url": format!("{}/clip.mp4", self.base),
            "options": {"resolutions": ["240p"], "preset": "ultrafast"},
        });
        if webhook {
            asked["webhook"] = json!({"url": format!("{}/hook", self.base)});
        }
        let (status, video) = self.product.post("/videos", asked).await;
        assert_eq!(status, 202, "{video}");
        let id = video["id"].as_str().unwrap();
        self.product.ready(id).await;
        id.parse().unwrap()
    }
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, u64>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), found);
        } else {
            found.insert(entry.path(), entry.metadata().unwrap().len());
        }
    }
}

/// What somebody writes who has seen others' inputs, but not the key.
fn job(video: VideoId, source: Source) -> video::Input {
    video::Input {
        video,
        attempt: 1,
        tenant: "default".into(),
        source,
        options: serde_json::from_value::<Options>(json!({"preset": "ultrafast"})).unwrap(),
        limits: Limits { parallel_chunks: 1, ..Limits::default() },
        export: None,
        mac: None,
    }
}

#[tokio::test]
async fn no_video_is_made_that_nobody_asked_the_api_for() {
    let Some(stage) = Stage::start().await else { return };
    let (fresh, made) = (VideoId(Uuid::now_v7()), stage.made(false).await);
    let secret = stage.data.path().join("secret.key").to_string_lossy().into_owned();
    let url = || Source::Url { url: format!("{}/clip.mp4?forged", stage.base) };
    let (objects, asked) = (stage.objects(), stage.asked.load(Ordering::SeqCst));
    let export = Some(Export::published("taken/over"));
    let copied = stage.ours.vouch(job(made, url())).unwrap();
    let any = Some(Mac([7; 32]));
    for (n, input) in [
        job(fresh, Source::File { path: secret.clone() }),
        job(fresh, url()),
        video::Input { mac: any, ..job(fresh, url()) },
        // A code that is right, of another input.
        video::Input { mac: copied.mac, ..job(fresh, url()) },
        video::Input { export, ..copied.clone() },
        // One of a video that is ready: its end must not clean anything up.
        job(made, url()),
        copied.clone(),
    ]
    .into_iter()
    .enumerate()
    {
        stage.refused(VideoWorkflow, &format!("forged-{n}"), input).await;
    }
    stage.refused(VideoWorkflow, &fresh.workflow_id(1), job(fresh, url())).await;
    assert_eq!(stage.objects(), objects);
    assert_eq!(stage.asked.load(Ordering::SeqCst), asked, "the source was asked for");
    assert_eq!(stage.product.get(&format!("/videos/{made}")).await["status"], "ready");

    // The control: the same with a right code, under its own name and of a video that there is.
    let video = VideoId(Uuid::now_v7());
    stage.ours.insert(NewVideo::new(video, "default", url())).await.unwrap();
    let input = video::Input { source: url().redacted(), ..job(video, url()) };
    let input = stage.ours.vouch(input).unwrap();
    stage.run(VideoWorkflow, &video.workflow_id(1), input).await.unwrap();
    assert!(stage.asked.load(Ordering::SeqCst) > asked);
    stage.product.ready(&video.to_string()).await;

    // A file of this machine is no source here even with a right code.
    let video = VideoId(Uuid::now_v7());
    let file = Source::File { path: secret };
    stage.ours.insert(NewVideo::new(video, "default", file.clone())).await.unwrap();
    let objects = stage.objects();
    let input = stage.ours.vouch(job(video, file)).unwrap();
    stage.refused(VideoWorkflow, &video.workflow_id(1), input).await;
    assert_eq!(stage.objects(), objects);
}

#[tokio::test]
async fn nothing_is_removed_or_reported_that_nobody_asked_the_api_for() {
    let Some(stage) = Stage::start().await else { return };
    let video = stage.made(false).await;
    let objects = stage.objects();
    let source = Source::Url { url: format!("{}/clip.mp4", stage.base) };
    let other = stage.ours.vouch(job(video, source)).unwrap().mac;
    for (n, mac) in [None, Some(Mac([0; 32])), other].into_iter().enumerate() {
        let order = deletion::Input { video, mac };
        stage.refused(DeletionWorkflow, &format!("forged-{n}"), order).await;
    }
    // A video that waits for its upload can still end in every way.
    let upload = stage.product.request("POST", "/uploads").header("tus-resumable", "1.0.0");
    let upload = upload.header("upload-length", "1000").send().await.unwrap();
    assert_eq!(upload.status(), 201);
    let place = upload.headers()["location"].to_str().unwrap().to_owned();
    let upload = place.rsplit('/').next().unwrap();
    let (status, waiting) = stage.product.post("/videos", json!({"upload_id": upload})).await;
    assert_eq!((status, &waiting["status"]), (202, &json!("uploading")), "{waiting}");
    let waits: VideoId = waiting["id"].as_str().unwrap().parse().unwrap();
    let end = completion::Input { video: waits, attempt: 1, outcome: Outcome::Cancelled };
    for id in [waits.completion_workflow_id(1), "forged-end".to_owned()] {
        stage.refused(CompletionWorkflow, &id, end.clone()).await;
    }
    assert_eq!(stage.product.get(&format!("/videos/{waits}")).await["status"], "uploading");
    assert_eq!(stage.objects(), objects);
    assert_eq!(stage.product.get(&format!("/videos/{video}")).await["status"], "ready");

    // The control; that of a report is the video that got ready.
    let order = stage.ours.vouch(deletion::Input { video, mac: None }).unwrap();
    stage.run(DeletionWorkflow, &video.deletion_workflow_id(), order).await.unwrap();
    let left = stage.objects();
    assert!(left.keys().all(|it| !it.to_string_lossy().contains(&video.to_string())), "{left:?}");
}

#[tokio::test]
async fn no_message_is_sent_that_is_not_due() {
    let Some(stage) = Stage::start().await else { return };
    let video = stage.made(true).await;
    let path = format!("/webhooks/deliveries?video={video}");
    let listed = stage.product.get(&path).await;
    let delivery = listed["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/webhooks/deliveries/{delivery}");
    // Sent once, not taken, and to be sent again in an hour.
    while stage.product.get(&path).await["attempts"].as_array().is_none_or(Vec::is_empty) {
        tokio::task::yield_now().await;
    }
    let asked = stage.asked.load(Ordering::SeqCst);
    for (n, mac) in [None, Some(Mac([0; 32]))].into_iter().enumerate() {
        let message = delivery::Input { mac, ..delivery::Input::first(delivery) };
        stage.refused(DeliveryWorkflow, &format!("forged-{n}"), message).await;
    }
    assert_eq!(stage.asked.load(Ordering::SeqCst), asked);
    let waiting = stage.product.get(&path).await;
    assert_eq!((&waiting["status"], &waiting["round"]), (&json!("pending"), &json!(1)));

    // The control.
    let (status, _) = stage.product.post(&format!("{path}/replay"), json!({})).await;
    assert_eq!(status, 202);
    while stage.asked.load(Ordering::SeqCst) == asked {
        tokio::task::yield_now().await;
    }
}
