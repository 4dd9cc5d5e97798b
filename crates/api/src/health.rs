//! `GET /healthz` and `GET /readyz`: whether this process is alive, and whether its dependencies
//! answer.
//!
//! Anyone may ask, so repeated calls are cheap: an answer is cached for a while, and the store is
//! written to at most once a minute.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::{Api, Error, problem::chain, temporal};

/// A dependency that takes longer than this to answer is not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How long an answer is cached: shorter than the pause between the probes of most load balancers.
const FRESH: Duration = Duration::from_secs(3);
/// How long after a successful write the store is only read.
const WRITTEN: Duration = Duration::from_mins(1);

/// The last finding. Callers that come meanwhile wait for the same answer.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The last answer, and when it was found.
    answer: Option<(Readiness, Instant)>,
    /// When the store was last written to with success.
    written: Option<Instant>,
}

/// What this process needs and whether it answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
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
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Check {
    /// True when it does.
    ok: bool,
    /// What is wrong when it does not; the log has the details.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Says that this process is alive.
#[utoipa::path(get, path = "/healthz", tag = "service",
    responses((status = 200, description = "It lives", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Says whether the dependencies of this process answer, each by name. An answer is up to three
/// seconds old.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    responses(
        (status = 200, description = "Everything answers", body = Readiness),
        (status = 503, description = "Something does not", body = Readiness),
    ),
)]
pub(crate) async fn readyz(
    State(api): State<Arc<Api>>,
    Extension(recent): Extension<Arc<Recent>>,
) -> (StatusCode, Json<Readiness>) {
    let readiness = recent.read(&api).await;
    let ready = readiness.ready;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

impl Recent {
    async fn read(&self, api: &Api) -> Readiness {
        let mut known = self.0.lock().await;
        if let Some((answer, at)) = &known.answer
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let writes = known.written.is_none_or(|at| at.elapsed() >= WRITTEN);
        let answer = find_out(api, writes).await;
        if writes && answer.store.ok {
            known.written = Some(Instant::now());
        }
        if !answer.store.ok {
            known.written = None;
        }
        known.answer = Some((answer.clone(), Instant::now()));
        answer
    }
}

async fn find_out(api: &Api, writes: bool) -> Readiness {
    let store = async {
        let looked = if writes { api.store.check().await } else { api.store.look().await };
        looked.map_err(Error::Store)
    };
    let (catalog, store, temporal) = tokio::join!(
        check("catalog", async { api.catalog.check().await.map_err(Error::Catalog) }),
        check("store", store),
        check("temporal", temporal::check(api)),
    );
    Readiness { ready: catalog.ok && store.ok && temporal.ok, catalog, store, temporal }
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
