//! The media listener: what players read from a folder store.
//!
//! Owns which objects are public, and HTTP's conditions and ranges. What is not listed here as
//! public is not there: sources, work files and half-written files have no address. An S3 store
//! serves its objects itself.

use std::{
    fmt::Display,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{self, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use contract::VideoId;
use storage::{Bucket, Object, cache_control, content_type};
use tower::ServiceExt as _;
use tower_http::{
    cors::{Any, CorsLayer},
    services::ServeFile,
    trace::TraceLayer,
};

use crate::problem::{Kind, Problem};

/// Parts of a video that anyone may read.
const PUBLIC_PARTS: [&str; 2] = ["outputs", "chapters"];

#[derive(Debug)]
struct Listener {
    root: PathBuf,
    buckets: Vec<Bucket>,
}

/// Makes the routes of the media listener: GET and HEAD of `/{bucket}/{key}` over the folder store
/// at `root`, readable by pages of any origin. Only public objects of `buckets` are served.
pub fn media_router(root: &Path, buckets: &[Bucket]) -> Router {
    let listener = Listener { root: root.to_owned(), buckets: buckets.to_owned() };
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(Any)
        .expose_headers([
            header::ACCEPT_RANGES,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::ETAG,
        ]);
    Router::new()
        .route("/{bucket}/{*key}", get(serve))
        .fallback(async |uri: Uri| absent(uri.path()))
        .method_not_allowed_fallback(crate::method_not_allowed)
        .layer(cors)
        .layer(TraceLayer::new_for_http())
        .with_state(Arc::new(listener))
}

async fn serve(
    State(listener): State<Arc<Listener>>,
    place: Result<extract::Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let here = request.uri().path().to_owned();
    let place = place.ok().and_then(|extract::Path((bucket, key))| listener.public(&bucket, key));
    let object = place.ok_or_else(|| absent(&here))?;
    let file = listener.find(&object).await.map_err(|error| broken(&object, error))?;
    let file = file.ok_or_else(|| absent(&here))?;
    let etag = file.etag();
    let mut response = if unchanged(request.headers(), &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        send(file.path, request, &etag).await
    };
    match response.status() {
        StatusCode::NOT_FOUND => return Err(absent(&here)),
        StatusCode::INTERNAL_SERVER_ERROR => return Err(broken(&object, "it cannot be opened")),
        _ => {}
    }
    let headers = response.headers_mut();
    let lifetime = HeaderValue::from_static(cache_control(object.key()));
    headers.insert(header::CACHE_CONTROL, lifetime);
    headers.insert(header::ETAG, etag);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
            let media_type = HeaderValue::from_static(content_type(object.key()));
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            Ok(response)
        }
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(no_such_range(&response)),
        _ => Ok(response),
    }
}

/// A file that may be read, and what it was when it was looked up.
struct Found {
    path: PathBuf,
    bytes: u64,
    inode: u64,
    modified_ns: i128,
}

impl Found {
    /// Files are replaced as a whole, so these three change with the content.
    fn etag(&self) -> HeaderValue {
        let text = format!("\"{:x}-{:x}-{:x}\"", self.inode, self.modified_ns, self.bytes);
        HeaderValue::from_str(&text).expect("hexadecimal digits are a header value")
    }
}

impl Listener {
    /// The object at a path, if it is public.
    fn public(&self, bucket: &str, key: String) -> Option<Object> {
        let bucket = bucket.parse().ok().filter(|bucket| self.buckets.contains(bucket))?;
        let object = Object::new(bucket, key).ok()?;
        if object.key().split('/').any(|segment| segment.starts_with('.')) {
            return None;
        }
        if bucket == Bucket::Published {
            return Some(object);
        }
        let mut segments = object.key().split('/');
        segments.next()?.parse::<VideoId>().ok()?;
        let part = segments.next()?;
        let open =
            bucket != Bucket::Videos || (PUBLIC_PARTS.contains(&part) && segments.next().is_some());
        open.then_some(object)
    }

    /// Looks an object up. A symbolic link on the way is treated as if nothing were there, so that
    /// nothing outside the store can be reached.
    async fn find(&self, object: &Object) -> io::Result<Option<Found>> {
        let look = async {
            let root = fs_err::tokio::canonicalize(&self.root).await?;
            let path = root.join(object.bucket().as_str()).join(object.key());
            if fs_err::tokio::canonicalize(&path).await? != path {
                return Ok(None);
            }
            let meta = fs_err::tokio::metadata(&path).await?;
            let modified_ns =
                i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
            let found = Found { path, bytes: meta.len(), inode: meta.ino(), modified_ns };
            Ok(meta.is_file().then_some(found))
        };
        look.await.or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename => Ok(None),
            _ => Err(error),
        })
    }
}

/// Sends the file, whole or in part. Conditions that need the tag are settled before.
async fn send(path: PathBuf, mut request: Request, etag: &HeaderValue) -> Response {
    let get = request.method() == Method::GET;
    let headers = request.headers_mut();
    if headers.contains_key(header::IF_NONE_MATCH) {
        headers.remove(header::IF_MODIFIED_SINCE);
    }
    let stale = headers.remove(header::IF_RANGE).is_some_and(|tag| tag != *etag);
    let single = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .is_some_and(|range| range.starts_with("bytes=") && !range.contains(','));
    if !get || stale || !single {
        headers.remove(header::RANGE);
    }
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

/// True when the client already has what `etag` names.
pub(crate) fn unchanged(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = tags.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.trim_start_matches("W/").as_bytes() == etag.as_bytes()
    })
}

fn no_such_range(response: &Response) -> Response {
    let detail = "the range lies outside the object; see `Content-Range`";
    let mut answer = Problem::new(Kind::RangeNotSatisfiable, detail).into_response();
    let size = response.headers().get(header::CONTENT_RANGE).cloned();
    answer.headers_mut().extend(size.map(|size| (header::CONTENT_RANGE, size)));
    answer
}

fn absent(path: &str) -> Problem {
    Problem::new(Kind::ObjectNotFound, format!("there is nothing to play at `{path}`"))
}

fn broken(object: &Object, error: impl Display) -> Problem {
    tracing::error!(%object, %error, "an object cannot be read");
    Problem::new(Kind::Internal, "the fault is on our side and has been logged")
}
