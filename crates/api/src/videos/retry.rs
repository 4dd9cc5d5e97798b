//! `POST /videos/{id}/retry`: tries a failed video again.
//!
//! What the failed attempt finished is found again by the new one, unless it was cleaned away
//! because no further attempt could have helped.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use catalog::Moved;
use contract::Status;

use super::{begin::begin, view::VideoView};
use crate::{Api, caller::Caller, extract::IdText, problem::Problem};

/// Tries a failed video again, as its next attempt.
#[utoipa::path(
    post,
    path = "/videos/{id}/retry",
    tag = "videos",
    params(("id" = String, Path, format = Uuid, description = "The video")),
    responses(
        (status = 202, description = "Taken again; `attempt` has grown", body = VideoView),
        (status = 409, description = "It has not failed, or too often; `video_status` says where it stands",
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
    let id = api.find(&caller, &id).await?.id;
    let attempts_max = api.settings.attempts_max;
    match api.catalog.retry(id, attempts_max).await? {
        Moved::Moved | Moved::Already => {}
        Moved::Refused { status: Status::Failed, attempt } => {
            let detail = format!("it has failed {attempt} times, and {attempts_max} are allowed");
            return Err(Problem::not_retryable(Status::Failed, detail));
        }
        Moved::Refused { status, .. } => {
            let detail = format!("the video is {status}; only a failed one is tried again");
            return Err(Problem::not_retryable(status, detail));
        }
    }
    let video = api.find(&caller, &id.to_string()).await?;
    begin(&api, &video).await;
    Ok((StatusCode::ACCEPTED, Json(VideoView::new(&api.settings, video, None))))
}
