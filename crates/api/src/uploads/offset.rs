//! `HEAD /uploads/{id}`: how much of a file has arrived.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    Named,
    finish::{self, Standing},
    tus::{self, Answer},
    unknown,
};
use crate::{Api, caller::Caller, problem::Problem};

/// Says how many bytes of a file are durably stored (tus 1.0); the client continues there.
#[utoipa::path(
    head,
    path = "/uploads/{id}",
    tag = "uploads",
    params(
        ("id" = String, Path, format = Uuid, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses(
        (status = 200, description = "In the headers", headers(
            ("Upload-Offset" = u64, description = "Bytes that have arrived"),
            ("Upload-Length" = u64, description = "Bytes of the whole file"),
            ("Upload-Metadata" = String, description = "As it was given"),
            ("Upload-Expires" = String, description = "When it is removed unless more is sent"),
        )),
        (status = "default", description = "Refused; without a body, as the method wants"),
    ),
)]
pub(crate) async fn offset(
    State(api): State<Arc<Api>>,
    caller: Caller,
    named: Named,
    headers: HeaderMap,
) -> Answer {
    Answer(stand(&api, &caller, &named, &headers).await)
}

async fn stand(
    api: &Arc<Api>,
    caller: &Caller,
    named: &Named,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    tus::check_version(headers)?;
    let upload = api.find_upload(caller, named).await?;
    let offset = match finish::soon(api, &upload).await? {
        Standing::Arriving { bytes } => bytes,
        Standing::Finished => upload.bytes,
        Standing::Gone => return Err(unknown()),
    };
    let mut answer = HeaderMap::new();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.insert(tus::OFFSET, offset.into());
    answer.insert(tus::LENGTH, upload.bytes.into());
    let metadata = upload.metadata.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(metadata)) = metadata {
        answer.insert(tus::METADATA, metadata);
    }
    if let Ok(expires) = tus::expires(upload.updated_at).parse() {
        answer.insert(tus::EXPIRES, expires);
    }
    Ok((StatusCode::OK, answer).into_response())
}
