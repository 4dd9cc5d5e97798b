//! `POST /videos/{id}/retry`: tries a failed or cancelled video again.
//!
//! Its source is kept until the video is deleted or expires. What the last attempt finished is found
//! again by the new one, unless it was removed because a new one would not use it.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use catalog::{Moved, Removal, UploadStatus, Video};
use contract::Status;

use super::{begin::begin, view::VideoView};
use crate::{Api, caller::Caller, extract::IdText, problem::Problem};

/// Tries a failed or cancelled video again, as its next attempt, as long as its files are kept
/// (`expires_at`).
#[utoipa::path(
    post,
    path = "/videos/{id}/retry",
    tag = "videos",
    params(("id" = String, Path, format = Uuid, description = "The video")),
    responses(
        (status = 202, description = "Accepted again, as the next `attempt`", body = VideoView),
        (status = 409, description = "It has not failed and was not cancelled, was tried too often, or its files are gone; `video_status` is its status",
            body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn retry(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<(StatusCode, Json<VideoView>), Problem> {
    let video = api.find(&caller, &id).await?;
    let id = video.id;
    check_upload(&api, &video).await?;
    let attempts_max = api.settings.attempts_max;
    match api.catalog.retry(id, attempts_max).await? {
        Moved::Moved | Moved::Already => {}
        Moved::Refused { status, attempt } => {
            let video = api.find(&caller, &id.to_string()).await?;
            let detail = match (status, video.removal) {
                (_, Some(Removal::Video)) => "the video is being deleted".to_owned(),
                (_, Some(_)) => "its files were kept long enough and are gone".to_owned(),
                (Status::Failed | Status::Cancelled, None) => {
                    format!("it was tried {attempt} times, and {attempts_max} are allowed")
                }
                (_, None) => {
                    format!("the video is {status}; only a failed or cancelled one is tried again")
                }
            };
            return Err(Problem::not_retryable(status, detail));
        }
    }
    let video = api.find(&caller, &id.to_string()).await?;
    begin(&api, &video).await;
    Ok((StatusCode::ACCEPTED, Json(VideoView::new(&api.settings, video, None))))
}

/// Refuses a video whose upload was ended before all of it had arrived.
async fn check_upload(api: &Api, video: &Video) -> Result<(), Problem> {
    let Some(id) = video.upload else { return Ok(()) };
    let ended = matches!(video.status, Status::Failed | Status::Cancelled);
    let upload = api.catalog.upload(id).await?;
    let complete = upload.is_some_and(|upload| upload.status == UploadStatus::Finished);
    if !ended || complete || video.removal.is_some() {
        return Ok(());
    }
    let detail = "its upload is gone or not complete; upload the file, and submit a new video";
    Err(Problem::not_retryable(video.status, detail))
}
