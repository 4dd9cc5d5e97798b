//! The OpenAPI document and the call that hands it out.
//!
//! Routes are only ever added together with their description, so neither can be without the other.

use std::sync::Arc;

use axum::{Extension, Json};
use utoipa::OpenApi;

/// What is true of the whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Millrace",
        description = "Turns videos into adaptive streams. Errors are RFC 9457 problem documents.",
    ),
    tags(
        (name = "videos", description = "Videos, from source to playlist"),
        (name = "service", description = "The service itself"),
    ),
)]
pub(crate) struct Document;

/// Answers this document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object)))]
pub(crate) async fn openapi(
    Extension(document): Extension<Arc<utoipa::openapi::OpenApi>>,
) -> Json<Arc<utoipa::openapi::OpenApi>> {
    Json(document)
}
