//! The page at `/`: HTML, style sheets and scripts that the binary carries, and the headers that
//! keep them harmless.
//!
//! Knows nothing of videos: what the page shows, it asks the API for as any other client does. Its
//! routes are no calls of the API and are not in the OpenAPI document.

use std::sync::LazyLock;

use axum::{
    Router,
    body::Body,
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;

use crate::{
    listener::unchanged,
    problem::{Kind, Problem},
    unknown_route,
};

/// What the page may load and do. Media lie on another origin, which the deployment chooses; scripts
/// and styles come from here alone, and nothing is ever evaluated. hls.js plays from a blob, and hangs
/// subtitles on an empty `data:` track.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' http: https:; \
     img-src 'self' http: https:; media-src 'self' http: https: blob: data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);
/// Names of assets do not carry a version, so browsers revalidate them on each use.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file that is embedded in the binary.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    etag: HeaderValue,
}

/// Embeds files of a folder below `web` into the binary.
macro_rules! carried {
    ($folder:literal: $($name:literal $media_type:ident),* $(,)?) => {
        [$(Asset::new($name, $media_type, include_bytes!(concat!("../web/", $folder, $name)))),*]
    };
}

static INDEX: LazyLock<[Asset; 1]> = LazyLock::new(|| carried!("": "index.html" HTML));

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let ours = carried!("":
        "icon.svg" SVG,
        "style.css" CSS,
        "video.css" CSS,
        "main.js" SCRIPT,
        "api.js" SCRIPT,
        "chapters.js" SCRIPT,
        "element.js" SCRIPT,
        "facts.js" SCRIPT,
        "form.js" SCRIPT,
        "key.js" SCRIPT,
        "list.js" SCRIPT,
        "map.js" SCRIPT,
        "player.js" SCRIPT,
        "progress.js" SCRIPT,
        "upload.js" SCRIPT,
        "video.js" SCRIPT,
        "words.js" SCRIPT,
    );
    let vendored = carried!("vendor/": "hls.min.mjs" SCRIPT, "tus.min.js" SCRIPT);
    ours.into_iter().chain(vendored).collect()
});

impl Asset {
    fn new(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let half = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]);
        let etag = HeaderValue::try_from(format!("\"{half}\""))
            .expect("letters, digits, - and _ are a header value");
        Self { name, media_type, bytes, etag }
    }

    /// The file, or that it is still what the client has.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let mut response = if unchanged(asked, &self.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let media_type = HeaderValue::from_static(self.media_type);
            ([(header::CONTENT_TYPE, media_type)], Body::from(self.bytes)).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, ASK_AGAIN);
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

/// Adds the page and its assets to the routes of the API.
pub(crate) fn add<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.route("/", get(index)).route("/assets/{name}", get(asset))
}

async fn index(asked: HeaderMap) -> Response {
    INDEX[0].answer(&asked)
}

async fn asset(
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let Ok(Path(name)) = name else { return Err(unknown_route(uri).await) };
    let known = ASSETS.iter().find(|asset| asset.name == name);
    let detail = || format!("the page has no asset `{name}`");
    known
        .map(|asset| asset.answer(&asked))
        .ok_or_else(|| Problem::new(Kind::UnknownRoute, detail()))
}
