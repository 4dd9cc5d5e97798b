//! Observes every request: its id, its span and its duration.
//!
//! Paths are recorded as route templates only, as they may contain ids and secrets.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use contract::VideoId;
use metrics::histogram;
use opentelemetry::{global, propagation::Extractor, trace::TraceContextExt as _};
use tracing::{Instrument as _, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Says in the request's span which video it is about.
pub(crate) fn about(video: VideoId) {
    Span::current().record("video", tracing::field::display(video));
}

/// Handles one request in its own span, measures it, and returns the request's id in a header.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    let id = request_id(request.headers());
    let span = span(&request, method, &route, &id);
    let mut response = async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        Span::current().record("status", status);
        tracing::debug!(status, "answered");
        response
    }
    .instrument(span)
    .await;
    let class = format!("{}xx", response.status().as_u16() / 100);
    let labels = [("method", method.to_owned()), ("route", route), ("status", class)];
    histogram!("millrace_http_request_seconds", &labels).record(started.elapsed());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// An error-level span, so that no log filter hides it: every line written inside carries its fields.
fn span(request: &Request, method: &'static str, route: &str, id: &HeaderValue) -> Span {
    let span = tracing::error_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        method,
        route,
        request_id = id.to_str().unwrap_or_default(),
        video = Empty,
        status = Empty,
    );
    let video = request.uri().path().split('/').find_map(|part| part.parse::<VideoId>().ok());
    video.map(|video| span.record("video", tracing::field::display(video)));
    let caller =
        global::get_text_map_propagator(|known| known.extract(&Headers(request.headers())));
    if caller.span().span_context().is_valid() {
        // Refused only when nobody listens to spans.
        let _ = span.set_parent(caller);
    }
    span
}

/// The client's id, if it is one that can be written to a log, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    };
    let made = || HeaderValue::try_from(Uuid::now_v7().to_string()).expect("a uuid is ASCII");
    headers.get(REQUEST_ID).filter(harmless).cloned().unwrap_or_else(made)
}

/// Clients may invent methods, and the number of label values must stay bounded.
fn method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_request_ids_are_taken() {
        let taken = |id: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
            request_id(&headers).as_bytes() == id
        };
        assert!(taken(b"abc-123"));
        assert!(taken(&[b'a'; 128]));
        for refused in [&b""[..], b"two words", "\u{e4}".as_bytes(), &[b'a'; 129]] {
            assert!(!taken(refused), "{refused:?}");
        }
    }

    #[test]
    fn methods_that_clients_make_up_are_one() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::from_bytes(b"BREW").unwrap()), "other");
    }
}
