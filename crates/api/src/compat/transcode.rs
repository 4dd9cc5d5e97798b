//! `/api/transcode`: jobs with an input key, a profile and an output prefix, as HLS services for
//! Roku accept them.

use std::{ops::RangeInclusive, sync::Arc};

use axum::{Json, extract::State};
use catalog::{Filter, Private, Secret, Unreadable, Video, Webhook, WebhookFormat};
use contract::{
    Event, Export, Status, VideoId,
    compat::{self, Profile},
};
use media::options::{Mp4Option, Options, RungOption};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;
use utoipa::ToSchema;

use super::{Refusal, Refused, check_secret};
use crate::{
    Api,
    caller::Caller,
    extract::{IdText, JsonBody, Parameters},
    problem::{FieldError, Problem},
    videos::{
        check_url,
        create::{CreateVideo, accepted, take},
        key::Key,
    },
};

/// The known profiles.
const PROFILES: [&str; 1] = ["roku-hls"];
/// The highest page number.
const PAGE_MAX: u64 = 1_000_000;
/// Names that outputs have besides rungs; playlists of rungs have the first one with a `-`.
const NOT_RUNGS: [&str; 3] = ["hls", "preview", "thumbnail"];
/// Longest name of a job, in bytes.
const ID_BYTES_MAX: usize = 255;
/// Jobs on a page, unless asked otherwise, and at most.
const SIZE: u64 = 20;
const SIZE_MAX: u64 = 200;

/// A job. Field names may also be written in snake case.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscodeSubmit)]
pub(crate) struct Submit {
    /// The caller's own id of the job: a request repeated with it is the same job.
    #[schema(max_length = 255)]
    id: Option<String>,
    /// Key of the source in our own store.
    #[serde(alias = "input_key")]
    input_key: String,
    /// Bucket of the source in our own store; default `videos`.
    #[serde(alias = "input_bucket")]
    input_bucket: Option<String>,
    /// What is made: `roku-hls`, the default ladder as HLS and a progressive MP4 of every rung.
    #[serde(default = "default_profile")]
    #[schema(example = "roku-hls", default = "roku-hls")]
    profile: String,
    /// Where the outputs go in the bucket `published`; leading and trailing slashes are ignored.
    #[serde(alias = "output_prefix")]
    output_prefix: Option<String>,
    /// URL of the bucket `published` as players see it, for absolute URLs in playlists.
    #[serde(alias = "playlist_base_url")]
    playlist_base_url: Option<String>,
    /// Rungs, instead of the profile's.
    ladder: Option<Vec<RungOption>>,
    /// URL that is called when the job has ended.
    #[serde(alias = "webhook_url")]
    webhook_url: Option<String>,
    /// Secret that signs the message.
    #[schema(value_type = Option<String>)]
    #[serde(alias = "webhook_secret")]
    webhook_secret: Option<Secret>,
}

fn default_profile() -> String {
    PROFILES[0].to_owned()
}

/// A job that was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscodeSubmitted)]
pub(crate) struct Submitted {
    /// True.
    success: bool,
    /// The job's id, which is also the id of a video.
    job_id: VideoId,
    /// `queued`, or the current status if its `Idempotency-Key` is known.
    #[schema(example = "queued")]
    status: &'static str,
    /// What is made.
    #[schema(example = "roku-hls")]
    profile: String,
    /// What is made, in words.
    message: String,
}

/// A job and its status.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscodeJob)]
#[expect(clippy::struct_field_names, reason = "the names are those of the callers")]
pub(crate) struct Job {
    /// The job.
    id: VideoId,
    /// The same.
    job_id: VideoId,
    /// `queued`, `processing`, `complete` or `failed`.
    #[schema(example = "processing")]
    status: &'static str,
    /// What was made: keys in the bucket `published`, or `bucket/key` of a job without a prefix.
    outputs: Vec<Profile>,
    /// Why it failed.
    error: Option<String>,
    /// When it was submitted; absent from a job whose record cannot be read.
    #[serde(with = "time::serde::rfc3339::option")]
    created: Option<OffsetDateTime>,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscodeJobs)]
#[expect(clippy::struct_field_names, reason = "the names are those of the callers")]
pub(crate) struct Jobs {
    /// Newest first.
    jobs: Vec<Job>,
    /// The page, from 0.
    page: u64,
    /// Jobs on a full page.
    size: u64,
    /// Number of all jobs.
    total: u64,
    /// Number of jobs that have not started.
    queue_length: u64,
}

impl From<Video> for Job {
    fn from(video: Video) -> Self {
        Self {
            id: video.id,
            job_id: video.id,
            status: compat::transcode_status(video.status),
            outputs: compat::profiles(video.outputs.as_ref()),
            error: compat::error(video.status, video.error.as_ref()),
            created: Some(video.created_at),
        }
    }
}

impl From<Unreadable> for Job {
    fn from(row: Unreadable) -> Self {
        let status = compat::transcode_status(row.status.unwrap_or(Status::Failed));
        let error = Some(format!("the record of this job cannot be read: {}", row.reason));
        let id = VideoId(row.id);
        Self { id, job_id: id, status, outputs: Vec::new(), error, created: None }
    }
}

/// Submits a job.
#[utoipa::path(post, path = "/api/transcode/submit", tag = "compatible", request_body = Submit,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "As for `POST /videos`")),
    responses(
        (status = 200, description = "Taken", body = Submitted),
        (status = "default", description = "Refused", body = Refused),
    ))]
pub(crate) async fn submit(
    State(api): State<Arc<Api>>,
    caller: Caller,
    key: Result<Key, Problem>,
    body: Result<JsonBody<Submit>, Problem>,
) -> Result<Json<Submitted>, Refusal> {
    let (key, JsonBody(asked)) = (key?, body?);
    let webhook = check(&asked).map_err(|fault| Problem::invalid(vec![fault]))?;
    let prefix = asked.output_prefix.as_deref().map(|prefix| prefix.trim_matches('/').to_owned());
    let options = Options {
        ladder: asked.ladder,
        output_prefix: prefix,
        playlist_base_url: asked.playlist_base_url,
        mp4: Some(Mp4Option::Plain(true)),
        ..Options::default()
    };
    let bucket = asked.input_bucket.unwrap_or_else(|| "videos".to_owned());
    let create = CreateVideo::of_object(bucket, asked.input_key, options);
    let mut new = accepted(&api, &caller, create).await?;
    let secret = asked.webhook_secret;
    let webhook = webhook.map(|url| Webhook {
        url: Secret::new(url),
        secret,
        events: Event::ALL.to_vec(),
        format: WebhookFormat::Transcode,
    });
    new.private = Private { webhook, ..new.private };
    new.export = new.export.map(Export::with_files_beside_the_master);
    if let Some(id) = &asked.id {
        new.metadata = serde_json::json!({"id": id});
    }
    // Apart from the keys of the header, which belong to any call.
    let key = key.or(asked.id.map(|id| format!("transcode/{id}"))).of(&new);
    let video = take(&api, new, key).await?;
    let status = compat::transcode_status(video.status);
    let message = format!("Transcoding job submitted. Profile: {}", asked.profile);
    Ok(Json(Submitted { success: true, job_id: video.id, status, profile: asked.profile, message }))
}

/// Checks the fields that only this endpoint has, and returns the webhook's URL.
fn check(asked: &Submit) -> Result<Option<Url>, FieldError> {
    if !PROFILES.contains(&asked.profile.as_str()) {
        let reason =
            format!("`{}` is not a profile; there is `{}`", asked.profile, PROFILES.join("`, `"));
        return Err(FieldError::body("profile", &reason));
    }
    if asked.id.as_ref().is_some_and(|id| !(1..=ID_BYTES_MAX).contains(&id.len())) {
        return Err(FieldError::body("id", &format!("must have 1 to {ID_BYTES_MAX} bytes")));
    }
    let rungs = asked.ladder.iter().flatten().enumerate();
    for (n, name) in rungs.map(|(n, rung)| (n, rung.name.as_str())) {
        if NOT_RUNGS.contains(&name) || name.starts_with("hls-") {
            let reason = format!("`{name}` is the name of another output");
            return Err(FieldError::body(&format!("ladder[{n}].name"), &reason));
        }
    }
    asked.webhook_secret.iter().try_for_each(|secret| check_secret("webhookSecret", secret))?;
    asked.webhook_url.as_ref().map(|url| check_url("webhookUrl", url)).transpose()
}

/// Shows a job.
#[utoipa::path(get, path = "/api/transcode/status/{id}", tag = "compatible",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = "default", description = "Refused", body = Refused),
    ))]
pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<Json<Job>, Refusal> {
    Ok(Json(api.find(&caller, &id).await?.into()))
}

/// Lists jobs, newest first; every video of the caller is one.
#[utoipa::path(get, path = "/api/transcode/jobs", tag = "compatible",
    params(
        ("page" = Option<u64>, Query, minimum = 0, description = "Page, from 0"),
        ("size" = Option<u64>, Query, minimum = 1, maximum = 200, description = "Jobs on it; default 20"),
    ),
    responses(
        (status = 200, description = "A page", body = Jobs),
        (status = "default", description = "Refused", body = Refused),
    ))]
pub(crate) async fn jobs(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Parameters(given): Parameters,
) -> Result<Json<Jobs>, Refusal> {
    let number = |name: &str, otherwise: u64, range: RangeInclusive<u64>| {
        let Some((_, text)) = given.iter().find(|(known, _)| known == name) else {
            return Ok(otherwise);
        };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let reason = format!("must be from {} to {}", range.start(), range.end());
            Problem::invalid(vec![FieldError::parameter(name, &reason)])
        })
    };
    let (page, size) = (number("page", 0, 0..=PAGE_MAX)?, number("size", SIZE, 1..=SIZE_MAX)?);
    let filter = Filter { tenant: Some(caller.tenant), ..Filter::default() };
    let waiting = Filter { status: Some(Status::Uploaded), ..filter.clone() };
    let waiting = api.catalog.numbered_page(waiting, 1, 1).await.map_err(Problem::from)?;
    let found = api.catalog.numbered_page(filter, page + 1, size).await.map_err(Problem::from)?;
    let read = found.videos.into_iter().map(|video| (video.id.0, Job::from(video)));
    let unread = found.unreadable.into_iter().map(|row| (row.id, Job::from(row)));
    let mut jobs: Vec<_> = read.chain(unread).collect();
    jobs.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    let jobs = jobs.into_iter().map(|(_, job)| job).collect();
    Ok(Json(Jobs { jobs, page, size, total: found.total, queue_length: waiting.total }))
}
