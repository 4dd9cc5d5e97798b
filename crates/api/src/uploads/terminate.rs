//! `DELETE /uploads/{id}`: removes an upload.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use catalog::UploadStatus;

use super::{
    Named, Refusal,
    remove::{Removed, remove},
    tus::{self, Answer},
};
use crate::{Api, Error, caller::Caller, problem::Problem};

/// Removes an upload (tus 1.0). A video that waits for it fails.
#[utoipa::path(
    delete,
    path = "/uploads/{id}",
    tag = "uploads",
    params(
        ("id" = String, Path, format = Uuid, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 409, description = "A video is being made of it", body = Problem,
            content_type = "application/problem+json"),
        (status = 423, description = "A request sends to it", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn terminate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    named: Named,
    headers: HeaderMap,
) -> Answer {
    Answer(end(&api, &caller, &named, &headers).await)
}

async fn end(
    api: &Api,
    caller: &Caller,
    named: &Named,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    tus::check_version(headers)?;
    let upload = api.find_upload(caller, named).await?;
    if upload.status == UploadStatus::Finished
        && let Some(video) = api.catalog.video_of(upload.id).await.map_err(Error::Catalog)?
    {
        let detail = format!("video {} is made of it; delete the video instead", video.id);
        return Err(Refusal::InUse.because(detail));
    }
    match remove(api, &upload).await? {
        Removed::Removed => Ok(StatusCode::NO_CONTENT.into_response()),
        Removed::Busy => {
            let detail = "a request sends to this upload; end it, and ask again";
            Err(Refusal::Locked.because(detail))
        }
    }
}
