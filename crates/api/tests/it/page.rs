//! The page's files: what they are, how long they may be kept, and what they may do.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};

use crate::harness::{Answer, Harness};

/// What the page is asked for, beginning with itself.
fn named(page: &str) -> Vec<String> {
    let quoted = page.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with("/assets/")).map(str::to_owned).collect()
}

/// The modules that a script asks for.
fn imported(script: &str) -> Vec<String> {
    let quoted = script.split('"').filter(|text| text.starts_with("./"));
    quoted.map(|name| format!("/assets/{}", &name[2..])).collect()
}

/// Checks what is true of every file of the page.
#[track_caller]
fn check(path: &str, answer: &Answer) {
    assert_eq!(answer.status, StatusCode::OK, "{path}");
    let expected = match path.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };
    assert_eq!(answer.header(header::CONTENT_TYPE), expected, "{path}");
    assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
    assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer", "{path}");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-cache", "{path}");
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
}

#[tokio::test]
async fn the_page_and_all_it_asks_for_is_there_and_lies_here() {
    let Some(harness) = Harness::start().await else { return };
    let page = harness.get("/").await;
    check("/", &page);
    let mut waiting = named(&page.text());
    assert!(waiting.len() >= 4, "{waiting:?}");
    let mut seen = Vec::new();
    while let Some(path) = waiting.pop() {
        if seen.contains(&path) {
            continue;
        }
        let answer = harness.get(&path).await;
        check(&path, &answer);
        if path.rsplit_once('.').is_some_and(|(name, kind)| kind == "js" && !name.contains('.')) {
            let text = answer.text();
            assert!(!text.contains("innerHTML"), "{path} makes markup of a text");
            waiting.extend(imported(&text));
        }
        seen.push(path);
    }
    for library in ["/assets/hls.min.mjs", "/assets/tus.min.js"] {
        assert!(seen.iter().any(|path| path == library), "nobody asks for {library}: {seen:?}");
    }
    // A page that works without the Internet names no other host.
    for address in page.text().split("://").skip(1) {
        assert!(address.starts_with("example.com/"), "{address}");
    }
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let Some(harness) = Harness::start().await else { return };
    for path in ["/", "/assets/main.js"] {
        let first = harness.get(path).await;
        let etag = first.header(header::ETAG).to_owned();
        assert_eq!(etag.len(), 24, "{etag}");
        for (known, status) in
            [(etag.as_str(), StatusCode::NOT_MODIFIED), ("\"other\"", StatusCode::OK)]
        {
            let request = Request::get(path).header(header::IF_NONE_MATCH, known);
            let answer = harness.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, status, "{path} {known}");
            assert_eq!(answer.bytes.is_empty(), status == StatusCode::NOT_MODIFIED);
            assert_eq!(answer.header(header::ETAG), etag);
        }
    }
    let request = Request::head("/").body(Body::empty()).unwrap();
    let head = harness.send(request).await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn other_names_and_methods_are_refused() {
    let Some(harness) = Harness::start().await else { return };
    for path in ["/assets/nothing.js", "/assets/..%2findex.html", "/assets/%ff", "/assets/a/b"] {
        harness.get(path).await.problem(404, "unknown-route");
    }
    for path in ["/", "/assets/main.js"] {
        let answer = harness.post(path, "{}").await;
        answer.problem(405, "method-not-allowed");
        assert_eq!(answer.header(header::ALLOW), "GET,HEAD");
    }
}
