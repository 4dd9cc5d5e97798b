//! `GET /videos/{id}/jobs`: every attempt at a video.

use std::sync::Arc;

use axum::{Json, extract::State};
use catalog::Job;
use contract::{Failure, Status};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{Api, caller::Caller, extract::IdText, problem::Problem};

/// The attempts at a video.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobList {
    /// The first one first.
    jobs: Vec<JobView>,
}

/// One attempt at a video.
#[derive(Debug, Serialize, ToSchema)]
struct JobView {
    /// Which attempt; 1 for the first.
    attempt: u32,
    /// Its status, or how it ended.
    status: Status,
    /// Why it failed; `null` unless it did.
    error: Option<Failure>,
    /// When it was asked for.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When its workflow began; `null` before.
    #[serde(with = "time::serde::rfc3339::option")]
    began_at: Option<OffsetDateTime>,
    /// When it ended; `null` before.
    #[serde(with = "time::serde::rfc3339::option")]
    ended_at: Option<OffsetDateTime>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let Job { attempt, status, error, created_at, began_at, ended_at } = job;
        Self { attempt, status, error, created_at, began_at, ended_at }
    }
}

/// Lists every attempt at a video.
#[utoipa::path(
    get,
    path = "/videos/{id}/jobs",
    tag = "videos",
    params(("id" = String, Path, format = Uuid, description = "The video")),
    responses(
        (status = 200, description = "The attempts", body = JobList),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn jobs(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<Json<JobList>, Problem> {
    let video = api.find(&caller, &id).await?;
    let jobs = api.catalog.jobs(video.id).await?.into_iter().map(JobView::from).collect();
    Ok(Json(JobList { jobs }))
}
