//! HTTP in, Temporal client out: the JSON API, the page at `/`, and the media listener over a folder
//! store.
//!
//! Owns routes, the shape of requests and answers, and what clients see when something fails.
//! Does no media work, knows no SQL and decides nothing about the pipeline: it writes a row, starts
//! a workflow and reads both.

mod access;
mod auth;
mod caller;
mod compat;
mod deliveries;
mod error;
mod extract;
mod health;
mod limits;
mod listener;
mod observe;
mod openapi;
mod operator;
mod page;
mod paging;
mod pointer;
mod problem;
mod server;
mod strangers;
mod temporal;
mod temporal_page;
mod uploads;
mod videos;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::{Method, Uri},
    middleware::{from_fn, from_fn_with_state},
};
use catalog::Catalog;
use media::plan::Limits;
use storage::{Incoming, Store};
use url::Url;
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use access::{Access, NotAnOrigin, Origin};
pub use error::{BoxError, Error};
pub use listener::media_router;
pub use operator::{OperatorToken, WeakToken, for_operators};
use problem::{Kind, Problem};
pub use server::{ConnectionLimits, Timeouts, serve};
pub use temporal_page::temporal_page;
pub use videos::{NotStoredSources, StoredSources};

/// What the API works on.
pub struct Api {
    /// The videos.
    pub catalog: Catalog,
    /// Where workflows are started, asked and cancelled.
    pub temporal: temporalio_client::Client,
    /// Where sources that are named by bucket and key must be.
    pub store: Store,
    /// Where uploads arrive.
    pub incoming: Incoming,
    /// How this deployment is set up.
    pub settings: Settings,
}

/// How a deployment is set up, as far as the API shows or passes it on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address below which players find `bucket/key`.
    pub media_base: Url,
    /// Address of Temporal's web pages, for links.
    pub temporal_ui: Option<Url>,
    /// Temporal namespace of the client.
    pub namespace: String,
    /// What one video is allowed.
    pub limits: Limits,
    /// Attempts at one video, the first one included.
    pub attempts_max: u32,
    /// How long a response waits for the start of a workflow, which then continues in the
    /// background.
    pub start_within: Duration,
    /// Who may call.
    pub access: Access,
    /// Prefixes of the store below which tenants may name sources, in addition to their own.
    pub stored_sources: Vec<StoredSources>,
    /// Most bytes of an uploaded file.
    pub upload_bytes_max: u64,
    /// How long the files of a failed or cancelled video are kept, so that it can be tried again.
    pub keep_failed: Duration,
    /// How much callers may ask of this process.
    pub bounds: Bounds,
}

/// How much callers may ask of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Unknown keys that one address may send per minute; each costs a query of the catalogue.
    pub unknown_keys_per_minute: u32,
    /// Open streams of events.
    pub event_streams: u32,
    /// Declared size of all unfinished uploads of one tenant, in bytes.
    pub tenant_upload_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        // Four uploads of the largest size that is taken by default.
        let tenant_upload_bytes = 200 << 30;
        Self { unknown_keys_per_minute: 30, event_streams: 1000, tenant_upload_bytes }
    }
}

/// Starts the workflow of a video's current attempt. Run twice, it starts nothing and succeeds.
pub async fn start(api: &Api, video: &catalog::Video) -> Result<(), Error> {
    temporal::start(api, video).await
}

/// Reads the current progress of a video; `None` when no worker answers in time.
pub async fn live_progress(api: &Api, video: &catalog::Video) -> Option<contract::Progress> {
    videos::live_progress(&api.temporal, video).await
}

/// Makes the routes of the JSON API, and of the page that uses it. What is `beside` them is guarded
/// in the same way, and is no part of the API's description.
pub fn router(api: Arc<Api>, beside: Router) -> Router {
    let guard = Arc::new(auth::Guard::new(Arc::clone(&api)));
    let sharing = api.settings.access.sharing();
    let watching = Arc::new(videos::events::Watching::new(api.settings.bounds.event_streams));
    let (router, mut document) = OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(videos::create::create, videos::list::list))
        .routes(routes!(videos::show::show, videos::delete::delete))
        .routes(routes!(videos::events::events))
        .routes(routes!(videos::cancel::cancel))
        .routes(routes!(videos::retry::retry))
        .routes(routes!(videos::jobs::jobs))
        .routes(routes!(uploads::capabilities::capabilities, uploads::create::create))
        .routes(routes!(uploads::presign::presign))
        .routes(routes!(
            uploads::offset::offset,
            uploads::patch::patch,
            uploads::terminate::terminate
        ))
        .routes(routes!(uploads::complete::complete))
        .routes(routes!(compat::transcode::submit))
        .routes(routes!(compat::transcode::status))
        .routes(routes!(compat::transcode::jobs))
        .routes(routes!(compat::runpod::run))
        .routes(routes!(compat::runpod::status))
        .routes(routes!(compat::runpod::cancel))
        .routes(routes!(deliveries::list::list))
        .routes(routes!(deliveries::show::show))
        .routes(routes!(deliveries::replay::replay))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(openapi::openapi))
        .split_for_parts();
    openapi::guarded(&mut document);
    page::add(router)
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(api)
        .merge(beside)
        .layer(Extension(Arc::new(openapi::written(&document))))
        .layer(Extension(Arc::<health::Recent>::default()))
        .layer(Extension(watching))
        // Bodies that are read as streams, those of uploads, have limits of their own.
        .layer(DefaultBodyLimit::max(extract::BODY_BYTES_MAX))
        .layer(from_fn_with_state(guard, auth::guard))
        .layer(from_fn_with_state(sharing, access::share))
        .layer(from_fn(observe::request))
}

async fn unknown_route(uri: Uri) -> Problem {
    Problem::new(Kind::UnknownRoute, format!("there is nothing at `{}`", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` cannot be asked with {method}; see `Allow`", uri.path());
    Problem::new(Kind::MethodNotAllowed, detail)
}
