//! The API with everything it works on, real and private to one test.

use std::sync::Arc;

use api::{Access, Api, Bounds, Settings};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{
        HeaderMap, Request, StatusCode,
        header::{self, AsHeaderName},
    },
};
use catalog::{Catalog, NewVideo, Vault, Video};
use contract::{Source, VideoId, search_attributes};
use fixtures::{Temporal, temporal::Options};
use media::plan::Limits;
use serde_json::Value;
use storage::{Incoming, Store};
use tempfile::TempDir;
use tower::ServiceExt as _;
use uuid::Uuid;

/// A running API. Its parts end with it.
pub(crate) struct Harness {
    pub(crate) api: Arc<Api>,
    pub(crate) temporal: Option<Temporal>,
    router: Router,
    database: String,
    _folder: TempDir,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Harness {
    /// Starts everything; `None`, with a printed reason, where Temporal is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let attributes = search_attributes::ALL.iter().map(|(name, kind)| (*name, kind.name()));
        let temporal = Temporal::start_or_skip(Options::with_search_attributes(attributes)).await?;
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}/catalog.db", folder.path().display());
        let api = Arc::new(Api {
            catalog: Catalog::open(&database, Vault::ephemeral().unwrap()).await.unwrap(),
            temporal: temporal.client().clone(),
            store: Store::open_folder(&folder.path().join("store")).unwrap(),
            incoming: Incoming::open(&folder.path().join("uploads"), 0).unwrap(),
            settings: settings(),
        });
        let router = api::router(api.clone(), Router::new());
        Some(Self { api, temporal: Some(temporal), router, database, _folder: folder })
    }

    /// Another API over the same parts, open to others.
    pub(crate) fn router(&self, access: Access) -> Router {
        self.router_of(Settings { access, ..self.api.settings.clone() })
    }

    /// Another API over the same parts, set up differently.
    pub(crate) fn router_of(&self, settings: Settings) -> Router {
        self.router_beside(settings, Router::new())
    }

    /// The same, with routes that are guarded as its own are.
    pub(crate) fn router_beside(&self, settings: Settings, beside: Router) -> Router {
        let api = Arc::new(Api {
            catalog: self.api.catalog.clone(),
            temporal: self.api.temporal.clone(),
            store: self.api.store.clone(),
            incoming: self.api.incoming.clone(),
            settings,
        });
        api::router(api, beside)
    }

    /// Address of the catalogue's database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }

    /// Posts a video and answers its id.
    pub(crate) async fn create(&self) -> VideoId {
        let answer = self.post("/videos", r#"{"url": "http://example.com/clip.mp4"}"#).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().parse().unwrap()
    }

    /// Writes a video into the catalogue, as a process does that dies before it starts anything.
    pub(crate) async fn insert(&self) -> VideoId {
        let source = Source::Url { url: "http://example.com/clip.mp4".into() };
        let new = NewVideo::new(VideoId(Uuid::now_v7()), "default", source);
        self.api.catalog.insert(new).await.unwrap().into_video().id
    }

    pub(crate) async fn row(&self, id: VideoId) -> Video {
        self.api.catalog.get(id).await.unwrap().unwrap()
    }
}

/// Sends one request to a router.
pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, bytes }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: impl AsHeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Checks that this is a problem document of the given kind and answers it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:problem-type:millrace:{kind}"), "{problem}");
        for member in ["title", "detail"] {
            assert!(!problem[member].as_str().unwrap().is_empty(), "{member} of {problem}");
        }
        problem
    }
}

fn settings() -> Settings {
    Settings {
        media_base: "http://127.0.0.1:9000".parse().unwrap(),
        temporal_ui: Some("http://127.0.0.1:8080".parse().unwrap()),
        namespace: "default".into(),
        limits: Limits { parallel_chunks: 2, chunk_seconds: None, ..Limits::default() },
        attempts_max: 2,
        start_within: std::time::Duration::from_secs(10),
        access: Access::default(),
        stored_sources: vec![
            "videos/library".parse().unwrap(),
            "acme=videos/theirs".parse().unwrap(),
        ],
        upload_bytes_max: 1000,
        keep_failed: std::time::Duration::from_hours(24),
        bounds: Bounds::default(),
    }
}
