//! Web browsers: pages of other origins, and names that point here without being ours.

use api::Access;
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};

use crate::harness::{Answer, Harness, ask};

const APP: &str = "https://app.example.com";
const BODY: &str = r#"{"url": "http://example.com/clip.mp4"}"#;

async fn send(router: &Router, method: Method, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method.clone()).uri("/videos");
    request = request.header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if method == Method::POST { Body::from(BODY) } else { Body::empty() };
    ask(router, request.body(body).unwrap()).await
}

#[tokio::test]
async fn foreign_pages_change_nothing_without_keys() {
    let Some(harness) = Harness::start().await else { return };
    let access = Access { origins: vec![APP.parse().unwrap()], ..Access::default() };
    let router = harness.router(access);
    let here = ("host", "localhost:8000");
    for headers in [
        vec![here, ("origin", "http://evil.example")],
        vec![here, ("origin", "null")],
        // Another program on this machine is another origin too.
        vec![here, ("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")],
        vec![here, ("sec-fetch-site", "cross-site")],
        vec![("origin", "http://localhost:8000")],
    ] {
        let answer = send(&router, Method::POST, &headers).await;
        answer.problem(403, "foreign-origin");
        assert_eq!(send(&router, Method::GET, &headers).await.status, StatusCode::OK);
    }
    for headers in [
        vec![],
        vec![here],
        vec![here, ("origin", "http://localhost:8000"), ("sec-fetch-site", "same-origin")],
        vec![here, ("origin", APP), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = send(&router, Method::POST, &headers).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{headers:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_name_that_is_not_ours_reaches_nothing_without_keys() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access { hosts: vec!["media.lan".into()], ..Access::default() });
    for host in ["evil.example", "evil.example:8000", "10.0.0.1:8000", "", "a b"] {
        for method in [Method::GET, Method::POST] {
            send(&router, method, &[("host", host)]).await.problem(421, "unknown-host");
        }
    }
    for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "media.lan:8000"] {
        assert_eq!(send(&router, Method::GET, &[("host", host)]).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_read_answers() {
    let Some(harness) = Harness::start().await else { return };
    let access = Access { origins: vec![APP.parse().unwrap()], ..Access::default() };
    let router = harness.router(access);
    let asked = [
        ("host", "localhost:8000"),
        ("origin", APP),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,idempotency-key,upload-offset"),
    ];
    let preflight = send(&router, Method::OPTIONS, &asked).await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert_eq!(preflight.header("access-control-allow-origin"), APP);
    let sent = preflight.header("access-control-allow-headers").to_ascii_lowercase();
    for name in ["authorization", "content-type", "idempotency-key", "upload-offset"] {
        assert!(sent.split(',').any(|allowed| allowed.trim() == name), "{name}: {sent}");
    }
    assert!(!preflight.headers.contains_key("access-control-allow-credentials"));

    let answer = send(&router, Method::POST, &asked[..2]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    assert!(answer.header("access-control-expose-headers").contains("location"));
    // What is refused can be read as well.
    let refused = send(&router, Method::PUT, &asked[..2]).await;
    refused.problem(405, "method-not-allowed");
    assert_eq!(refused.header("access-control-allow-origin"), APP);

    let other = [("host", "localhost:8000"), ("origin", "https://evil.example")];
    let unread = send(&router, Method::GET, &other).await;
    assert!(!unread.headers.contains_key("access-control-allow-origin"));
    // The client's own OPTIONS is not taken for a browser's question.
    send(&router, Method::OPTIONS, &asked[..1]).await.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn nothing_is_shared_by_default() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let asked = [("host", "localhost"), ("origin", APP), ("access-control-request-method", "POST")];
    for method in [Method::OPTIONS, Method::GET] {
        let answer = send(&router, method, &asked).await;
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{:?}",
            answer.headers
        );
    }
}
