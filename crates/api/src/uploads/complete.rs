//! `POST /uploads/{id}/complete`: checks at once whether a file has arrived.

use std::sync::Arc;

use axum::{Json, extract::State};
use contract::UploadId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Named, Refusal,
    finish::{Standing, settle},
};
use crate::{Api, caller::Caller, problem::Problem};

/// A file that has arrived.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompleteUpload {
    /// The upload, for `POST /videos`.
    upload_id: UploadId,
    /// The file's name.
    file_name: String,
    /// Its size.
    bytes: u64,
}

/// Checks whether a file that was sent to a presigned URL has arrived, and starts its video.
/// Otherwise this is checked every minute.
#[utoipa::path(
    post,
    path = "/uploads/{id}/complete",
    tag = "uploads",
    params(("id" = String, Path, format = Uuid, description = "The upload")),
    responses(
        (status = 200, description = "It is there", body = CompleteUpload),
        (status = 409, description = "It is not, or not in the size that was declared",
            body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn complete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    named: Named,
) -> Result<Json<CompleteUpload>, Problem> {
    let upload = api.find_upload(&caller, &named).await?;
    if settle(&api, &upload).await? != Standing::Finished {
        let detail = format!("the store has no file of {} bytes for it", upload.bytes);
        return Err(Refusal::Incomplete.because(detail));
    }
    let (upload_id, file_name, bytes) = (upload.id, upload.file_name, upload.bytes);
    Ok(Json(CompleteUpload { upload_id, file_name, bytes }))
}
