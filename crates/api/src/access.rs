//! What web browsers may do: pages of other origins, and pages that reach this API by a name of
//! their own.
//!
//! A page that somebody opens on this machine can send requests to an API that listens on it.
//! Without keys the API must tell such requests from those of its user; with keys nobody can send
//! one by accident.

use std::{net::IpAddr, str::FromStr};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts, uri::Authority,
    },
    middleware::Next,
    response::Response,
};
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::CorsLayer;
use url::Url;

use crate::{
    operator::OperatorToken,
    problem::{Kind, Problem},
};

/// What pages may send beside what every page may.
const SENT: [&str; 14] = [
    "authorization",
    "x-api-key",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "tus-resumable",
    "upload-checksum",
    "upload-complete",
    "upload-concat",
    "upload-defer-length",
    "upload-draft-interop-version",
    "upload-length",
    "upload-metadata",
    "upload-offset",
];
/// What pages may read beside what every page may.
const READ: [&str; 13] = [
    "location",
    "retry-after",
    "tus-checksum-algorithm",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-concat",
    "upload-defer-length",
    "upload-expires",
    "upload-length",
    "upload-metadata",
    "upload-offset",
];

/// Who may call the API, beside the holders of keys.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// True when it can be reached from other machines: then nobody calls without a key.
    pub exposed: bool,
    /// Web applications of other origins whose pages may call.
    pub origins: Vec<Origin>,
    /// Names by which it may be called without a key, beside those that every machine has for
    /// itself.
    pub hosts: Vec<String>,
    /// What shows the operator, who alone may read `/metrics` beside the tenant `default`.
    pub operator: Option<OperatorToken>,
}

/// The origin of a web application, such as `https://app.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin; write it as in https://app.example.com or http://localhost:3000")]
pub struct NotAnOrigin(String);

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let refuse = || NotAnOrigin(text.to_owned());
        let url = Url::parse(text).map_err(|_| refuse())?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let origin = url.origin().ascii_serialization();
        HeaderValue::try_from(origin).ok().filter(|_| bare).map(Self).ok_or_else(refuse)
    }
}

impl Access {
    /// What pages of other origins may do; nothing where none is allowed.
    pub(crate) fn sharing(&self) -> CorsLayer {
        CorsLayer::new()
            .allow_origin(self.origins.iter().map(|origin| origin.0.clone()).collect::<Vec<_>>())
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(SENT.map(HeaderName::from_static))
            .expose_headers(READ.map(HeaderName::from_static))
    }

    /// Refuses a request without key that a foreign page may have made.
    pub(crate) fn check(&self, request: &Parts) -> Result<(), Problem> {
        let host = host(&request.headers, &request.uri);
        if let Some(host) = host
            && !self.is_known(host)
        {
            let detail = format!(
                "without API keys this API is not called `{host}`; make a key with `millrace keys \
                 create`, or start it with `--allow-host`"
            );
            return Err(Problem::new(Kind::UnknownHost, detail));
        }
        if request.method.is_safe() || !self.is_foreign(&request.headers, host) {
            return Ok(());
        }
        let detail = "web pages of other origins may change nothing here; start the API with \
                      `--allow-origin` to allow one";
        Err(Problem::new(Kind::ForeignOrigin, detail))
    }

    fn is_known(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        let name = name.to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(&name))
    }

    /// True when a page made the request that belongs neither to us nor to an allowed origin.
    fn is_foreign(&self, headers: &HeaderMap, host: Option<&str>) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        };
        // Whether TLS ended before us cannot be seen here, so the scheme is left out.
        let text = origin.to_str().unwrap_or_default();
        let ours = text.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
        !ours && !self.origins.iter().any(|allowed| allowed.0 == origin)
    }
}

/// Lets allowed pages of other origins read answers. A bare OPTIONS is no question of a browser but
/// the client's own, and goes on.
pub(crate) async fn share(
    State(sharing): State<CorsLayer>,
    request: Request,
    next: Next,
) -> Response {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && !asks {
        return next.run(request).await;
    }
    match sharing.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The name the caller knows us by; browsers always send it.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = || headers.get(header::HOST).map(|value| value.to_str().unwrap_or_default());
    uri.authority().map(Authority::as_str).or_else(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        for (text, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://APP.example.com:443/", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().0, expected, "{text}");
        }
        for text in ["", "*", "null", "app.example.com", "https://a/b", "https://u@a", "file:///"] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_this_machine_are_known() {
        let access = Access { hosts: vec!["media.lan".into()], ..Access::default() };
        for host in
            ["localhost", "LOCALHOST:8000", "a.localhost", "127.0.0.1:1", "127.8.8.8", "[::1]:8000"]
        {
            assert!(access.is_known(host), "{host}");
        }
        assert!(access.is_known("Media.lan:8000"));
        for host in
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "a b"]
        {
            assert!(!access.is_known(host), "{host}");
        }
    }
}
