//! What web browsers may do: pages from other origins, and pages that reach this API under a
//! foreign host name (DNS rebinding).
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

/// Request headers that pages may send in addition to the safelisted ones.
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
/// Response headers that pages may read in addition to the safelisted ones.
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

/// Who may call the API, apart from the holders of keys.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// True when other machines can connect: then every call needs a key.
    pub exposed: bool,
    /// Origins of web applications that may call.
    pub origins: Vec<Origin>,
    /// Host names under which it may be called without a key, in addition to those of the local
    /// machine.
    pub hosts: Vec<String>,
    /// The token of the operator, who may read `/metrics` as the tenant `default` may.
    pub operator: Option<OperatorToken>,
}

/// The origin of a web application, such as `https://app.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that is not an origin.
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
    /// The CORS rules for pages from other origins; nothing is allowed unless an origin is named.
    pub(crate) fn sharing(&self) -> CorsLayer {
        CorsLayer::new()
            .allow_origin(self.origins.iter().map(|origin| origin.0.clone()).collect::<Vec<_>>())
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(SENT.map(HeaderName::from_static))
            .expose_headers(READ.map(HeaderName::from_static))
    }

    /// Refuses a request without a key that a page from another origin may have made.
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

    /// Refuses a request to Temporal's page that comes neither from that page nor from a user who
    /// opens it.
    /// Reading is refused too, as other pages must not see what it shows.
    pub(crate) fn check_page(&self, request: &Parts) -> Result<(), Problem> {
        let headers = &request.headers;
        let host = host(headers, &request.uri).unwrap_or_default();
        if !self.is_known(host) {
            let detail = format!(
                "Temporal's page is not called `{host}`; start with `--allow-host` to name it so"
            );
            return Err(Problem::new(Kind::UnknownHost, detail));
        }
        let is = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
        let opened = request.method.is_safe()
            && !headers.contains_key(header::ORIGIN)
            && is("sec-fetch-mode", "navigate");
        // What a form can send without asking, and a browser that does not say which page it is.
        let unasked = !request.method.is_safe()
            && !headers.contains_key(header::ORIGIN)
            && !is("sec-fetch-site", "same-origin")
            && !has_type(headers, "application/json");
        if unasked || (!opened && self.is_foreign(headers, Some(host))) {
            let detail = "Temporal's page is for nobody but itself; open it in a browser, or use \
                          `temporal --address`";
            return Err(Problem::new(Kind::ForeignOrigin, detail));
        }
        Ok(())
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

/// Lets pages from allowed origins read responses. An OPTIONS request that is not a preflight is
/// the client's own and is passed on.
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

/// True for a body of this media type.
fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = text.and_then(|text| text.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(wanted)
}

/// The host name that the caller used; browsers always send it.
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
    fn temporal_s_page_is_opened_and_serves_itself() {
        let own: &[_] = &[("host", "127.0.0.1:8080")];
        let with = |method: &str, headers: &[(&str, &str)]| {
            let mut request = axum::http::Request::builder().method(method).uri("/api/v1/x");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let parts = request.body(()).unwrap().into_parts().0;
            Access::default().check_page(&parts).is_ok()
        };
        let also = |headers: &[(&'static str, &'static str)]| [own, headers].concat();
        let (site, mode) = ("sec-fetch-site", "sec-fetch-mode");
        let json = ("content-type", "application/json; charset=utf-8");
        let ours = ("origin", "http://127.0.0.1:8080");
        for (method, headers) in [
            ("GET", also(&[])),
            ("GET", also(&[(site, "cross-site"), (mode, "navigate")])),
            ("GET", also(&[(site, "same-origin"), (mode, "cors")])),
            ("POST", also(&[ours, (site, "same-origin"), ("content-type", "text/plain")])),
            ("POST", also(&[json])),
        ] {
            assert!(with(method, &headers), "{method} {headers:?}");
        }
        let foreign = ("origin", "http://evil.example");
        let neighbour = ("origin", "http://127.0.0.1:3000");
        for (method, headers) in [
            ("GET", vec![]),
            ("GET", vec![("host", "evil.example:8080")]),
            ("GET", vec![("host", "127.0.0.1.evil.example")]),
            ("GET", also(&[foreign])),
            ("GET", also(&[neighbour, (site, "same-site")])),
            ("GET", also(&[(site, "cross-site"), (mode, "no-cors")])),
            ("GET", also(&[foreign, (mode, "navigate")])),
            ("POST", also(&[])),
            ("POST", also(&[("content-type", "text/plain")])),
            ("POST", also(&[foreign, json])),
            ("POST", also(&[neighbour, json])),
            ("POST", also(&[("origin", "null"), json])),
            ("POST", also(&[(site, "cross-site"), (mode, "navigate"), json])),
        ] {
            assert!(!with(method, &headers), "{method} {headers:?}");
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
