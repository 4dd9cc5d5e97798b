//! `/v2/{endpoint}`: jobs as `RunPod` takes them, with the input of a transcoding worker: keys of the
//! caller's own buckets, and the credentials to them, which are sealed at once and shown nowhere.

mod input;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use catalog::Video;
use contract::{
    VideoId,
    compat::{self, RunpodResult},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::input::{Input, accepted};
use super::{Refusal, Refused};
use crate::{
    Api,
    caller::Caller,
    extract::JsonBody,
    problem::Problem,
    videos::{cancel, create::take, key::Key},
};

/// A job. Other fields of `RunPod` are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RunpodRun)]
pub(crate) struct Run {
    /// The input of the worker.
    input: Input,
}

/// A job and its status.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunpodJob)]
pub(crate) struct Job {
    /// The job's id, which is also the id of a video.
    id: VideoId,
    /// `IN_QUEUE`, `IN_PROGRESS`, `COMPLETED`, `FAILED` or `CANCELLED`.
    #[schema(example = "IN_QUEUE")]
    status: &'static str,
    /// The result, once it is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<RunpodResult>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Video> for Job {
    fn from(video: Video) -> Self {
        let output = video.outputs.as_ref().map(|outputs| {
            let media = video.metadata["mediaId"].as_str().unwrap_or_default();
            RunpodResult::new(media, video.status, video.summary.as_ref(), Some(outputs), None)
        });
        Self {
            id: video.id,
            status: compat::runpod_status(video.status),
            output,
            error: compat::error(video.status, video.error.as_ref()),
        }
    }
}

/// Submits a job.
#[utoipa::path(post, path = "/v2/{endpoint}/run", tag = "compatible", request_body = Run,
    params(
        ("endpoint" = String, Path, description = "Any name; all are the same"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
            description = "As for `POST /videos`"),
    ),
    responses(
        (status = 200, description = "Taken", body = Job),
        (status = "default", description = "Refused", body = Refused),
    ))]
pub(crate) async fn run(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(_endpoint): Path<String>,
    key: Result<Key, Problem>,
    body: Result<JsonBody<Run>, Problem>,
) -> Result<Json<Job>, Refusal> {
    let (key, JsonBody(Run { input })) = (key?, body?);
    let new = accepted(caller, input).map_err(|fault| Problem::invalid(vec![fault]))?;
    let key = key.of(&new);
    Ok(Json(take(&api, new, key).await?.into()))
}

/// Shows a job.
#[utoipa::path(get, path = "/v2/{endpoint}/status/{id}", tag = "compatible",
    params(
        ("endpoint" = String, Path, description = "Any name; all are the same"),
        ("id" = String, Path, format = Uuid, description = "The job"),
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = "default", description = "Refused", body = Refused),
    ))]
pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((_endpoint, id)): Path<(String, String)>,
) -> Result<Json<Job>, Refusal> {
    Ok(Json(api.find(&caller, &id).await?.into()))
}

/// Stops a job. One that has ended stays as it is.
#[utoipa::path(post, path = "/v2/{endpoint}/cancel/{id}", tag = "compatible",
    params(
        ("endpoint" = String, Path, description = "Any name; all are the same"),
        ("id" = String, Path, format = Uuid, description = "The job"),
    ),
    responses(
        (status = 200, description = "The job, as good as cancelled unless it had ended", body = Job),
        (status = "default", description = "Refused", body = Refused),
    ))]
pub(crate) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((_endpoint, id)): Path<(String, String)>,
) -> Result<Json<Job>, Refusal> {
    let video = api.find(&caller, &id).await?;
    if video.status.is_final() {
        return Ok(Json(video.into()));
    }
    cancel::stop(&api, &video).await.map_err(Problem::from)?;
    Ok(Json(Job { status: "CANCELLED", ..video.into() }))
}
