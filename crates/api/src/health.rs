//! `GET /healthz` and `GET /readyz`: does this process live, and does everything it needs answer.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Api, Error, problem::chain, temporal};

/// A dependency that takes longer than this to answer is not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// What this process needs and whether it answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// True when everything answers.
    ready: bool,
    /// The database of videos.
    catalog: Check,
    /// The object store.
    store: Check,
    /// The Temporal server and our namespace in it.
    temporal: Check,
}

/// Whether one dependency answers.
#[derive(Debug, Serialize, ToSchema)]
struct Check {
    /// True when it does.
    ok: bool,
    /// What is wrong when it does not; the log says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Says that this process lives.
#[utoipa::path(get, path = "/healthz", tag = "service",
    responses((status = 200, description = "It lives", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Says whether everything this process needs answers, each part by name.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    responses(
        (status = 200, description = "Everything answers", body = Readiness),
        (status = 503, description = "Something does not", body = Readiness),
    ),
)]
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, Json<Readiness>) {
    let (catalog, store, temporal) = tokio::join!(
        check("catalog", async { api.catalog.check().await.map_err(Error::Catalog) }),
        check("store", async { api.store.check().await.map_err(Error::Store) }),
        check("temporal", temporal::check(&api)),
    );
    let ready = catalog.ok && store.ok && temporal.ok;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, catalog, store, temporal }))
}

async fn check(name: &str, asking: impl Future<Output = Result<(), Error>>) -> Check {
    let detail = match tokio::time::timeout(ANSWER_WITHIN, Box::pin(asking)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(name, error = chain(&error), "not ready");
            Some(error.to_string())
        }
        Err(_) => {
            tracing::warn!(name, "not ready: no answer in time");
            Some(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))
        }
    };
    Check { ok: detail.is_none(), detail }
}
