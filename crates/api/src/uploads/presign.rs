//! `POST /uploads/presigned`: an upload that goes straight into an S3 store.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use catalog::{NewUpload, UploadWay};
use contract::UploadId;
use serde::{Deserialize, Serialize};
use storage::layout;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Refusal,
    create::{check_size, check_tenant},
    headers::{FILE_NAME_BYTES_MAX, plain_name},
};
use crate::{
    Api,
    caller::Caller,
    extract::JsonBody,
    problem::{FieldError, Problem},
};

/// Most bytes that S3 takes in one request.
const PUT_BYTES_MAX: u64 = 5 << 30;

/// A file to send in one request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PresignUpload {
    /// The file's name.
    #[schema(example = "clip.mp4", max_length = 255)]
    file_name: String,
    /// Its size; any other is refused.
    #[schema(minimum = 1, maximum = 5_368_709_120u64)]
    bytes: u64,
    /// Its media type; the one that goes with the name by default.
    #[schema(example = "video/mp4", max_length = 255)]
    content_type: Option<String>,
}

/// Where and how to send the file.
#[derive(Serialize, ToSchema)]
pub(crate) struct PresignedUpload {
    /// The upload, for `POST /videos`.
    upload_id: UploadId,
    /// `PUT`.
    method: &'static str,
    /// The URL; whoever has it can send the file.
    #[schema(format = "uri")]
    url: String,
    /// Headers to send with it.
    headers: BTreeMap<String, String>,
    /// Until when the request must have begun.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Creates a presigned URL for sending a file straight into the store. Send the file there with one
/// PUT, then `POST /videos` with `upload_id`, or the other way round.
#[utoipa::path(
    post,
    path = "/uploads/presigned",
    tag = "uploads",
    request_body = PresignUpload,
    responses(
        (status = 201, description = "Signed", body = PresignedUpload,
            headers(("Location" = String, description = "Path of the upload"))),
        (status = 409, description = "The store is a folder; use tus", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn presign(
    State(api): State<Arc<Api>>,
    caller: Caller,
    JsonBody(asked): JsonBody<PresignUpload>,
) -> Result<Response, Problem> {
    check(&api, &asked)?;
    check_tenant(&api, &caller, asked.bytes).await?;
    let file_name = plain_name(&asked.file_name);
    let id = UploadId(Uuid::now_v7());
    let object = layout::upload(id, &file_name)?;
    let by_name = storage::content_type(object.key());
    let content_type = asked.content_type.as_deref().unwrap_or(by_name);
    let Some(put) = api.store.presign_put(&object, asked.bytes, content_type).await? else {
        let detail =
            "this server keeps its files in a folder; send the file with tus, to `/uploads`";
        return Err(Refusal::NotPresigned.because(detail));
    };
    let (tenant, bytes) = (caller.tenant, asked.bytes);
    let way = UploadWay::Presigned;
    let new = NewUpload { id, tenant, way, file_name, bytes, metadata: None };
    let upload = api.catalog.add_upload(new).await?;
    let answer = PresignedUpload {
        upload_id: id,
        method: "PUT",
        url: put.url.into(),
        headers: put.headers.into_iter().collect(),
        expires_at: upload.created_at + put.expires_in,
    };
    let location = [(header::LOCATION, format!("/uploads/{id}"))];
    Ok((StatusCode::CREATED, location, Json(answer)).into_response())
}

fn check(api: &Api, asked: &PresignUpload) -> Result<(), Problem> {
    let wrong = |path: &str, reason: &str| Problem::invalid(vec![FieldError::body(path, reason)]);
    if !(1..=FILE_NAME_BYTES_MAX).contains(&asked.file_name.len()) {
        return Err(wrong("file_name", &format!("must have 1 to {FILE_NAME_BYTES_MAX} bytes")));
    }
    if asked.bytes == 0 {
        return Err(wrong("bytes", "must be 1 or more"));
    }
    check_size(api, asked.bytes)?;
    if asked.bytes > PUT_BYTES_MAX {
        let detail = format!("one request takes at most {PUT_BYTES_MAX} bytes; use tus");
        return Err(Refusal::TooLarge.because(detail));
    }
    let plain =
        |text: &String| text.len() <= 255 && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if asked.content_type.as_ref().is_some_and(|text| !plain(text)) {
        return Err(wrong("content_type", "must be at most 255 visible ASCII characters"));
    }
    Ok(())
}
