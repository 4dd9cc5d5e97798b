//! `POST /uploads`: begins an upload, also with its first bytes.
//!
//! The file is created before the row: a file without a row is cleaned up, while a row without a
//! file would look like lost bytes.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use catalog::{NewUpload, Upload, UploadWay};
use contract::UploadId;
use uuid::Uuid;

use super::{
    Refusal, finish, headers, receive,
    refusal::full,
    tus::{self, Answer},
};
use crate::{Api, caller::Caller, problem::Problem};

/// Begins a resumable upload (tus 1.0). Follow `Location` with a tus client, or send the bytes with
/// PATCH.
#[utoipa::path(
    post,
    path = "/uploads",
    tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u64, Header, description = "Bytes of the whole file"),
        ("Upload-Metadata" = Option<String>, Header, max_length = 4096,
            description = "`key base64,…`; `filename` is kept as the name of the file"),
        ("Upload-Checksum" = Option<String>, Header, description = "Of the first bytes, if any are sent"),
    ),
    responses(
        (status = 201, description = "Begun", headers(
            ("Location" = String, description = "Path of the upload"),
            ("Upload-Offset" = u64, description = "Bytes that have arrived"),
            ("Upload-Expires" = String, description = "When it is removed unless more is sent"),
        )),
        (status = 413, description = "Larger than `Tus-Max-Size`", body = Problem,
            content_type = "application/problem+json"),
        (status = 507, description = "The disk is too full", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    Answer(begin(&api, caller, &headers, body).await)
}

async fn begin(
    api: &Arc<Api>,
    caller: Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    tus::check_version(headers)?;
    let bytes = headers::number(headers, &tus::LENGTH)?;
    check_size(api, bytes)?;
    check_tenant(api, &caller, bytes).await?;
    let (metadata, file_name) = headers::metadata(headers)?;
    let checksum = headers::checksum(headers)?;
    let id = UploadId(Uuid::now_v7());
    // Space is also reserved for what others have declared and not sent yet.
    let declared = api.catalog.declared_bytes(Some(UploadWay::Tus), None).await?;
    let awaited = declared.saturating_sub(api.incoming.arrived_bytes().await?);
    let needed = awaited.saturating_add(bytes);
    api.incoming.create(&id.to_string(), needed).await.map_err(full)?;
    let new =
        NewUpload { id, tenant: caller.tenant, way: UploadWay::Tus, file_name, bytes, metadata };
    let upload = api.catalog.add_upload(new).await?;
    let mut offset = 0;
    if headers::carries_bytes(headers) {
        offset = receive::piece(api, &upload, 0, checksum.as_ref(), headers, body).await?;
    }
    if offset == bytes {
        finish::soon(api, &upload).await?;
    }
    Ok(begun(&upload, offset))
}

fn begun(upload: &Upload, offset: u64) -> Response {
    let headers = [
        (header::LOCATION, format!("/uploads/{}", upload.id)),
        (tus::OFFSET, offset.to_string()),
        (tus::EXPIRES, tus::expires(upload.updated_at)),
    ];
    (StatusCode::CREATED, headers).into_response()
}

/// Refuses a file that would take a tenant over its limit of unfinished uploads.
pub(super) async fn check_tenant(api: &Api, caller: &Caller, bytes: u64) -> Result<(), Problem> {
    let most = api.settings.bounds.tenant_upload_bytes;
    let declared = api.catalog.declared_bytes(None, Some(&caller.tenant)).await?;
    if declared.saturating_add(bytes) > most {
        let detail = format!(
            "unfinished uploads may have {most} bytes together (--tenant-upload-mib-max), and {declared} \
             are declared; finish or remove some"
        );
        return Err(Refusal::TooMany.because(detail));
    }
    Ok(())
}

/// Refuses a file that is larger than allowed.
pub(super) fn check_size(api: &Api, bytes: u64) -> Result<(), Problem> {
    let most = api.settings.upload_bytes_max;
    if bytes > most {
        let detail = format!("a file has at most {most} bytes, this one has {bytes}");
        return Err(Refusal::TooLarge.because(detail));
    }
    Ok(())
}
