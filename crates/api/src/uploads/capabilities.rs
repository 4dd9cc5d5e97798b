//! `OPTIONS /uploads`: what the server supports of tus.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::IntoResponse as _};

use super::{
    headers,
    tus::{Answer, EXTENSIONS},
};
use crate::Api;

/// Says which parts of tus 1.0 are supported, and how large a file may be.
#[utoipa::path(
    options,
    path = "/uploads",
    tag = "uploads",
    responses((status = 204, description = "In the headers", headers(
        ("Tus-Version" = String, description = "Versions spoken"),
        ("Tus-Extension" = String, description = "Extensions spoken"),
        ("Tus-Max-Size" = u64, description = "Most bytes of a file"),
        ("Tus-Checksum-Algorithm" = String, description = "Checksums that can be checked"),
    ))),
)]
pub(crate) async fn capabilities(State(api): State<Arc<Api>>) -> Answer {
    let headers = [
        ("tus-extension", EXTENSIONS.to_owned()),
        ("tus-max-size", api.settings.upload_bytes_max.to_string()),
        ("tus-checksum-algorithm", headers::checksums()),
    ];
    Answer(Ok((StatusCode::NO_CONTENT, headers).into_response()))
}
