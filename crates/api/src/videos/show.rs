//! `GET /videos/{id}`: one video, with live progress while it is being made.

use std::sync::Arc;

use axum::{Json, extract::State};
use contract::Status;

use super::{progress, view::VideoView};
use crate::{Api, caller::Caller, extract::IdText, problem::Problem};

/// Shows one video, with live progress while it is being made.
#[utoipa::path(
    get,
    path = "/videos/{id}",
    tag = "videos",
    params(("id" = String, Path, format = Uuid, description = "The video")),
    responses(
        (status = 200, description = "The video", body = VideoView),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<Json<VideoView>, Problem> {
    Ok(Json(live(&api, &caller, &id).await?))
}

/// A video as it stands this moment.
pub(super) async fn live(api: &Api, caller: &Caller, id: &str) -> Result<VideoView, Problem> {
    let video = api.find(caller, id).await?;
    let progress = match video.status {
        Status::Transcoding => Box::pin(progress::live(&api.temporal, &video)).await,
        _ => None,
    };
    Ok(VideoView::new(&api.settings, video, progress))
}
