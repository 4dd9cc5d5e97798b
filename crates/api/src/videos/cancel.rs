//! `POST /videos/{id}/cancel`: stops a video.
//!
//! Stopping is the workflow's work, which also writes the outcome. Only a video of which nobody
//! will write one is marked here.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use catalog::{Moved, UploadStatus, Video};
use contract::{
    Status,
    completion::{Input, Outcome},
};

use super::view::VideoView;
use crate::{
    Api, Error,
    caller::Caller,
    extract::IdText,
    problem::{Problem, chain},
    temporal::{self, Cancelling},
    uploads,
};

/// Stops a video. Asking again while it is stopping changes nothing.
#[utoipa::path(
    post,
    path = "/videos/{id}/cancel",
    tag = "videos",
    params(("id" = String, Path, format = Uuid, description = "The video")),
    responses(
        (status = 202, description = "Stopping; `status` becomes `cancelled`", body = VideoView),
        (status = 409, description = "It has ended; `video_status` says how", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<(StatusCode, Json<VideoView>), Problem> {
    let video = api.find(&caller, &id).await?;
    if video.status.is_final() {
        return Err(ended(video.status));
    }
    if stop(&api, &video).await? == Cancelling::Ended {
        let status = api.find(&caller, &id).await?.status;
        let detail = "it has just ended; its outcome is being written";
        return Err(if status.is_final() {
            ended(status)
        } else {
            Problem::not_cancellable(status, detail)
        });
    }
    let video = api.find(&caller, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(VideoView::new(&api.settings, video, None))))
}

/// Asks a video to stop, and marks it as cancelled if it has no workflow.
pub(crate) async fn stop(api: &Api, video: &Video) -> Result<Cancelling, Error> {
    match temporal::cancel(&api.temporal, video).await? {
        Cancelling::Nobody => {}
        found => return Ok(found),
    }
    let marked = mark(api, video).await?;
    // It may have been started, and have begun, between the question and the mark. None begins after it.
    if let Err(error) = temporal::cancel(&api.temporal, video).await {
        let error = chain(&error);
        tracing::warn!(video = %video.id, error, "whether it was started meanwhile is not known");
    }
    Ok(marked)
}

async fn mark(api: &Api, video: &Video) -> Result<Cancelling, Error> {
    let end = Input { video: video.id, attempt: video.attempt, outcome: Outcome::Cancelled };
    match api.finish(&end).await? {
        Moved::Moved | Moved::Already => {}
        Moved::Refused { .. } => return Ok(Cancelling::Ended),
    }
    let Some(upload) = video.upload else { return Ok(Cancelling::Nobody) };
    let upload = api.catalog.upload(upload).await.map_err(Error::Catalog)?;
    // A file that is there is kept as long as the video can be tried again. Half a one is of no use;
    // one that is being sent to this moment is kept when it is finished, and swept when it is not.
    if let Some(upload) = upload.filter(|upload| upload.status == UploadStatus::Open) {
        uploads::remove(api, &upload).await?;
    }
    Ok(Cancelling::Nobody)
}

fn ended(status: Status) -> Problem {
    Problem::not_cancellable(status, format!("the video is {status}"))
}
