//! `PATCH /uploads/{id}`: more bytes of a file.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use catalog::{UploadStatus, UploadWay};
use time::OffsetDateTime;

use super::{
    Named, Refusal, finish, headers, receive,
    tus::{self, Answer},
};
use crate::{Api, caller::Caller, problem::Problem};

/// Sends bytes of a file (tus 1.0). A request that breaks off keeps what arrived, unless it has a
/// checksum: then all of it counts, or nothing.
#[utoipa::path(
    patch,
    path = "/uploads/{id}",
    tag = "uploads",
    params(
        ("id" = String, Path, format = Uuid, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u64, Header, description = "Where these bytes begin"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1`, `sha256` or `sha512`, and the digest in base64"),
    ),
    request_body(content_type = "application/offset+octet-stream", description = "The bytes"),
    responses(
        (status = 204, description = "All of it is kept, also through a power cut", headers(
            ("Upload-Offset" = u64, description = "Bytes that have arrived"),
            ("Upload-Expires" = String, description = "When it is removed unless more is sent"),
        )),
        (status = 409, description = "It stands at another offset", body = Problem,
            content_type = "application/problem+json"),
        (status = 423, description = "Another request sends to it", body = Problem,
            content_type = "application/problem+json"),
        (status = 460, description = "The checksum does not fit; nothing was kept", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller,
    named: Named,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    Answer(receive(&api, &caller, &named, &headers, body).await)
}

async fn receive(
    api: &Arc<Api>,
    caller: &Caller,
    named: &Named,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    tus::check_version(headers)?;
    headers::require_bytes(headers)?;
    let offset = headers::number(headers, &tus::OFFSET)?;
    let checksum = headers::checksum(headers)?;
    let upload = api.find_upload(caller, named).await?;
    if upload.way == UploadWay::Presigned {
        return Err(Refusal::NotPresigned.because("send the file to the address that was signed"));
    }
    if upload.status == UploadStatus::Finished {
        let detail = format!("all {} bytes have arrived", upload.bytes);
        return Err(Refusal::Offset.because(detail));
    }
    let offset = receive::piece(api, &upload, offset, checksum.as_ref(), headers, body).await?;
    if offset == upload.bytes {
        finish::soon(api, &upload).await?;
    }
    let headers = [
        (tus::OFFSET, offset.to_string()),
        (tus::EXPIRES, tus::expires(OffsetDateTime::now_utc())),
    ];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}
