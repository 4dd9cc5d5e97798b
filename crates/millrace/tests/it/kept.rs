//! What a failure, a cancel, a retry and a deletion do to what the user gave: nothing of it is lost
//! before the user, or the time it is kept, says so.
//!
//! The product's own processes do everything but look into the source: that activity belongs to the
//! test, and fails as the source's bytes say. So a source that is read again is the same source.

#![expect(
    dead_code,
    reason = "the macro makes a constant of the activity, which is called by name"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use contract::{ErrorCode, TaskQueue, VideoId, probe_source, search_attributes};
use fixtures::Temporal;
use serde_json::{Value, json};
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure, Runtime, Worker as SdkWorker, WorkerOptions,
    activities::{ActivityContext, ActivityError},
    runtime::RuntimeOptions,
};

use crate::{
    product::{Flags, Product, Worker, data},
    sources::serve,
};

/// Bytes of a source whose probe ends only when it is cancelled.
const STUCK: &str = "stuck";

/// Reads a source out of the folder store and fails with the code that is written in it.
#[derive(Clone)]
struct Reader {
    media: PathBuf,
    /// What was read, by video, each time.
    seen: Arc<Mutex<BTreeMap<VideoId, Vec<String>>>>,
}

#[activities]
impl Reader {
    #[activity(definition = probe_source::Activity)]
    async fn probe_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: probe_source::Input,
    ) -> Result<probe_source::Output, ActivityError> {
        let file = self.media.join(&input.source.bucket).join(&input.source.key);
        let text = fs_err::read_to_string(file).unwrap_or_else(|error| error.to_string());
        self.seen.lock().unwrap().entry(input.video).or_default().push(text.clone());
        if text == STUCK {
            return stuck(&ctx).await;
        }
        let failure = ApplicationFailure::builder(anyhow::anyhow!("as the source says"));
        Err(failure.type_name(text).non_retryable(true).build().into())
    }
}

/// Beats until it is cancelled.
async fn stuck<T>(ctx: &ActivityContext) -> Result<T, ActivityError> {
    loop {
        ctx.record_heartbeat(()).await?;
        tokio::select! {
            () = ctx.cancelled() => return Err(ActivityError::cancelled()),
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
        }
    }
}

/// The product against a Temporal server, with the test's own reader of sources.
struct Stage {
    data: PathBuf,
    temporal: Temporal,
    reader: Reader,
    web: String,
}

impl Stage {
    /// Runs `test` on a stage; says why and returns where Temporal is absent.
    async fn with(test: impl AsyncFnOnce(&Stage)) {
        let attributes = search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
        let options = fixtures::temporal::Options::with_search_attributes(attributes);
        let Some(temporal) = Temporal::start_or_skip(options).await else { return };
        let (data, web) = (data(), tempfile::tempdir().unwrap());
        for content in codes().into_iter().chain([STUCK]) {
            fs_err::write(web.path().join(format!("{content}.mp4")), content).unwrap();
        }
        let reader = Reader { media: data.path().join("media"), seen: Arc::default() };
        let options = WorkerOptions::new(TaskQueue::Metadata.name())
            .max_heartbeat_throttle_interval(std::time::Duration::from_millis(100))
            .register_activities(reader.clone())
            .build();
        let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).unwrap();
        let mut worker = SdkWorker::new(&runtime, temporal.client().clone(), options).unwrap();
        let stop = worker.shutdown_handle();
        let web = serve(web.path().to_owned()).await;
        let stage = Stage { data: data.path().to_owned(), temporal, reader, web };
        let body = async {
            let _worker = stage.worker();
            test(&stage).await;
            stop();
        };
        let (ended, ()) = futures::future::join(worker.run(), body).await;
        ended.unwrap();
    }

    fn api(&self, flags: &Flags) -> Product {
        Product::api_alone(&self.data, &self.temporal.address(), flags)
    }

    fn worker(&self) -> Worker {
        let others = TaskQueue::ALL.into_iter().filter(|queue| *queue != TaskQueue::Metadata);
        let names: Vec<_> = others.map(TaskQueue::name).collect();
        Worker::with(&self.data, &self.temporal.address(), &["--queues", &names.join(",")])
    }

    fn seen(&self, video: &str) -> Vec<String> {
        let seen = self.reader.seen.lock().unwrap();
        seen.get(&video.parse().unwrap()).cloned().unwrap_or_default()
    }

    /// Files in the store that hold what a source held, below a bucket and an id.
    fn sources(&self, bucket: &str, id: &str) -> Vec<PathBuf> {
        let folder = self.data.join("media").join(bucket).join(id);
        let folder = if bucket == "videos" { folder.join("source") } else { folder };
        files(&folder)
            .into_iter()
            .filter(|file| file.extension() != Some("json".as_ref()))
            .collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

fn codes() -> Vec<&'static str> {
    ErrorCode::ALL.iter().map(|code| code.as_str()).collect()
}

/// Uploads bytes and answers the upload's id.
async fn upload(product: &Product, bytes: &str) -> String {
    let create = product.request("POST", "/uploads").header("tus-resumable", "1.0.0");
    let created = create.header("upload-length", bytes.len()).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let location = created.headers()["location"].to_str().unwrap();
    let id = location.rsplit('/').next().unwrap().to_owned();
    let patch = product
        .request("PATCH", &format!("/uploads/{id}"))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", 0)
        .header("content-type", "application/offset+octet-stream");
    let sent = patch.body(bytes.to_owned()).send().await.unwrap();
    assert_eq!(sent.status(), 204);
    id
}

/// Submits what holds these bytes, once as an upload and once by its address; answers the videos,
/// each with the bucket and the id under which its source lies.
async fn submit(
    stage: &Stage,
    product: &Product,
    bytes: &str,
) -> [(String, &'static str, String); 2] {
    let id = upload(product, bytes).await;
    let (status, sent) = product.post("/videos", json!({"upload_id": id})).await;
    assert_eq!(status, 202, "{sent}");
    let fetched = product.submit(&format!("{}/{bytes}.mp4", stage.web), json!({})).await;
    let sent = sent["id"].as_str().unwrap().to_owned();
    [(sent, "uploads", id), (fetched.clone(), "videos", fetched)]
}

#[track_caller]
fn seconds_between(earlier: &Value, later: &Value) -> i64 {
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let at = |text: &Value| OffsetDateTime::parse(text.as_str().unwrap(), &Rfc3339).unwrap();
    (at(later) - at(earlier)).whole_seconds()
}

#[tokio::test]
async fn whatever_the_failure_the_source_is_kept_for_a_retry_until_it_expires() {
    Stage::with(async |stage| {
        let product = stage.api(&Flags::default());
        let mut videos = Vec::new();
        for code in codes() {
            let made = submit(stage, &product, code).await;
            videos.extend(made.map(|(video, bucket, id)| (code, video, bucket, id)));
        }
        for attempt in 1..=2 {
            for (code, video, bucket, id) in &videos {
                let ended = |it: &Value| it["attempt"] == attempt && it["status"] == "failed";
                let failed = product.until(video, ended).await;
                assert_eq!(failed["error"]["code"], *code, "{failed:#}");
                assert_eq!(stage.seen(video).len(), attempt, "{code}");
                assert_eq!(stage.seen(video).last().unwrap(), code, "attempt {attempt}");
                assert_eq!(stage.sources(bucket, id).len(), 1, "{code} lost {bucket}/{id}");
                let kept = seconds_between(&failed["updated_at"], &failed["expires_at"]);
                assert_eq!(kept, 7 * 24 * 3600, "{failed:#}");
                if attempt == 1 {
                    let (status, again) =
                        product.post(&format!("/videos/{video}/retry"), json!({})).await;
                    assert_eq!((status, &again["expires_at"]), (202, &Value::Null), "{again}");
                }
            }
        }
        drop(product);
        // The time they are kept is over: the files go, what happened stays known.
        let product = stage.api(&Flags::default().and(["--keep-failed-days", "0"]));
        for (code, video, bucket, id) in &videos {
            let expired = product.until(video, |it| it["expires_at"].is_null()).await;
            let gone = product.until(video, |_| stage.sources(bucket, id).is_empty()).await;
            assert_eq!((&gone["status"], &gone["error"]["code"]), (&json!("failed"), &json!(code)));
            assert_eq!(expired["id"], gone["id"]);
            let (status, refused) =
                product.post(&format!("/videos/{video}/retry"), json!({})).await;
            assert_eq!(status, 409, "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_video_keeps_its_source_and_can_be_tried_again() {
    Stage::with(async |stage| {
        let product = stage.api(&Flags::default());
        for (video, bucket, id) in submit(stage, &product, STUCK).await {
            for attempt in 1..=2 {
                product.until(&video, |_| stage.seen(&video).len() == attempt).await;
                let (status, _) = product.post(&format!("/videos/{video}/cancel"), json!({})).await;
                assert_eq!(status, 202);
                let cancelled = product.until(&video, |it| it["status"] == "cancelled").await;
                assert!(cancelled["expires_at"].is_string(), "{cancelled:#}");
                assert_eq!(stage.sources(bucket, &id).len(), 1, "{bucket}");
                let (status, _) = product.post(&format!("/videos/{video}/retry"), json!({})).await;
                assert_eq!(status, if attempt == 1 { 202 } else { 409 });
            }
            assert_eq!(stage.seen(&video), [STUCK; 2]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_deletion_that_races_with_a_retry_ends_without_a_video_or_a_trace() {
    Stage::with(async |stage| {
        let product = stage.api(&Flags::default());
        let mut videos = Vec::new();
        for _ in 0..6 {
            videos.extend(submit(stage, &product, "encoder_failed").await);
        }
        for (video, ..) in &videos {
            product.until(video, |it| it["status"] == "failed").await;
        }
        for (video, ..) in &videos {
            let (path, retry) = (format!("/videos/{video}"), format!("/videos/{video}/retry"));
            let (deleted, (retried, _)) =
                futures::future::join(product.delete(&path), product.post(&retry, json!({}))).await;
            assert_eq!(deleted, 202);
            assert!([202, 404, 409].contains(&retried), "{retried}");
        }
        for (video, bucket, id) in &videos {
            product.until(video, |answer| answer["status"] == 404).await;
            // An attempt that the retry had just started may leave something, and removes it.
            product.until(video, |_| stage.sources(bucket, id).is_empty()).await;
            let read = stage.seen(video);
            assert!(read.iter().all(|text| text == "encoder_failed"), "{read:?}");
        }
    })
    .await;
}
