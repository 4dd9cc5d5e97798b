//! `DELETE /videos/{id}`: removes a video and everything made from it.
//!
//! The mark on the row decides: from it on the video is not tried again. Stopping and removing take
//! time and must survive a crash, so a workflow does both; the row goes last, and with it the video.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use super::cancel;
use crate::{Api, caller::Caller, extract::IdText, problem::Problem, temporal};

/// Removes a video: stops it if it is running, then removes every object and at last the video
/// itself. Asking again changes nothing.
#[utoipa::path(
    delete,
    path = "/videos/{id}",
    tag = "videos",
    params(("id" = String, Path, format = Uuid, description = "The video")),
    responses(
        (status = 202, description = "Being removed; afterwards it is not found any more"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<StatusCode, Problem> {
    let id = api.find(&caller, &id).await?.id;
    api.catalog.ask_removal(id).await?;
    // Read after the mark: a retry that came before it is seen, and none comes after it.
    let Some(video) = api.catalog.get(id).await? else { return Ok(StatusCode::ACCEPTED) };
    if !video.status.is_final() {
        cancel::stop(&api, &video).await?;
    }
    temporal::delete(&api, id).await?;
    Ok(StatusCode::ACCEPTED)
}
