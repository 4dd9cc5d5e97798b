//! Everything the API refuses, and how it says so.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use contract::Status;

use crate::harness::Harness;

/// Body, pointer of the fault, and a part of its detail.
const BAD_BODIES: &[(&str, &str, &str)] = &[
    (r"{}", "#", "give `url`, `upload_id`, or `bucket` and `key`"),
    (r#"{"url": "file:///etc/passwd"}"#, "#/url", "must begin with `http://`"),
    (r#"{"url": "/etc/passwd"}"#, "#/url", "not an absolute URL"),
    (r#"{"url": "http://u:p@example.com/"}"#, "#/url", "user name or password"),
    (r#"{"url": 7}"#, "#/url", "invalid type: integer `7`, expected a string"),
    (r#"{"path": "/etc/passwd"}"#, "#/path", "unknown field `path`, expected one of `url`"),
    (r#"{"upload_id": "1"}"#, "#/upload_id", "no upload has this id"),
    (r#"{"url": "http://h/", "callback": {}}"#, "#/callback", "unknown field"),
    (r#"{"url": "http://h/", "bucket": "videos", "key": "a"}"#, "#/url", "not both"),
    (r#"{"bucket": "videos"}"#, "#/key", "goes together"),
    (r#"{"bucket": "other", "key": "a"}"#, "#/bucket", "`videos`, `thumbnails`, `mezzanine`"),
    (r#"{"bucket": "videos", "key": "../a"}"#, "#/key", "relative segment"),
    (r#"{"bucket": "videos", "key": "a/b.mp4"}"#, "#/key", "does not exist"),
    (r#"{"url": "http://h/", "metadata": []}"#, "#/metadata", "invalid type: sequence"),
    (
        r#"{"url": "http://h/", "options": {"thumbnial": {}}}"#,
        "#/options/thumbnial",
        "options.thumbnial: unknown field `thumbnial`, expected one of `resolutions`",
    ),
    (r#"{"url": "http://h/", "options": {"a/b ü": 1}}"#, "#/options/a~1b%20%C3%BC", "unknown"),
    (r#"{"url": "http://h/", "options": {"preset": "best"}}"#, "#/options/preset", "`best`"),
    (r#"{"url": "http://h/", "options": {"priority": 9}}"#, "#/options/priority", "from 1"),
    (r#"{"url": "http://h/", "options": {"priority": -1}}"#, "#/options/priority", "-1"),
    (r#"{"url": "http://h/", "options": {"resolutions": []}}"#, "#/options/resolutions", "one"),
    (
        r#"{"url": "http://h/", "options": {"resolutions": ["720p", "9p"]}}"#,
        "#/options/resolutions/1",
        "`9p` is not one of 2160p",
    ),
    (
        r#"{"url": "http://h/", "options": {"ladder": [{"name": "a", "height": 720,
            "bitrate": "fast"}]}}"#,
        "#/options/ladder/0/bitrate",
        "`fast` is not a bit rate",
    ),
    (
        r#"{"url": "http://h/", "options": {"ladder": [{"name": "../a", "height": 720,
            "bitrate": "3M"}]}}"#,
        "#/options/ladder/0/name",
        "options.ladder[0].name: must be 1 to 32 letters",
    ),
    (
        r#"{"url": "http://h/", "options": {"ladder": [{"name": "a", "height": 1,
            "bitrate": "3M", "crf": 1}]}}"#,
        "#/options/ladder/0/crf",
        "unknown field `crf`",
    ),
];

#[tokio::test]
async fn bodies_are_refused_with_the_place_of_the_fault_and_leave_nothing() {
    let Some(harness) = Harness::start().await else { return };
    for (body, pointer, detail) in BAD_BODIES {
        let answer = harness.post("/videos", *body).await;
        let problem = answer.problem(422, "invalid-request");
        let faults = problem["errors"].as_array().unwrap();
        assert_eq!(faults.len(), 1, "{body}: {problem}");
        assert_eq!(faults[0]["pointer"], *pointer, "{body}");
        let text = faults[0]["detail"].as_str().unwrap();
        assert!(text.contains(detail), "{body}: {text}");
        assert!(!text.contains(" at line "), "{body}: {text}");
    }
    let several = r#"{"url": "ftp://h/", "options": {"priority": 0}}"#;
    let problem = harness.post("/videos", several).await.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "#/url");
    assert_eq!(problem["errors"][1]["pointer"], "#/options/priority");
    let metadata =
        serde_json::json!({"url": "http://h/", "metadata": {"a": "x".repeat(16 * 1024)}});
    let problem = harness.post("/videos", metadata.to_string()).await;
    assert_eq!(problem.problem(422, "invalid-request")["errors"][0]["pointer"], "#/metadata");
    for (field, list, pointer) in [
        ("options", serde_json::json!({"mp4": vec!["720p"; 60_000]}), "#/options/mp4"),
        (
            "options",
            serde_json::json!({"resolutions": vec!["720p"; 60_000]}),
            "#/options/resolutions",
        ),
        (
            "webhook",
            serde_json::json!({"url": "http://h/", "events": vec!["video.ready"; 30_000]}),
            "#/webhook/events",
        ),
    ] {
        let body = serde_json::json!({"url": "http://h/", field: list}).to_string();
        let problem = harness.post("/videos", body).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("at most") && detail.len() < 200, "{detail}");
    }
    let listed = harness.get("/videos").await.json();
    assert_eq!(listed["videos"], serde_json::json!([]));
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let Some(harness) = Harness::start().await else { return };
    for body in ["", "{", "{} {}", "not json", "{\"url\": \"\u{1}\"}"] {
        harness.post("/videos", body).await.problem(400, "malformed-body");
    }
    harness.post("/videos", &b"{\"url\": \"\xff\"}"[..]).await.problem(400, "malformed-body");
    let deep = format!("{{\"metadata\": {{\"a\": {}}}}}", "[".repeat(5000));
    harness.post("/videos", deep).await.problem(400, "malformed-body");

    let padding = " ".repeat(1024 * 1024);
    harness.post("/videos", padding.clone() + "{}").await.problem(413, "body-too-large");
    harness.post("/videos", padding[2..].to_owned() + "{}").await.problem(422, "invalid-request");
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut request = Request::post("/videos");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = harness.send(request.body(Body::from("{}")).unwrap()).await;
        answer.problem(415, "unsupported-media-type");
    }
}

const MANY: &str = "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q";

#[tokio::test]
async fn queries_ids_routes_and_methods_that_do_not_exist() {
    let Some(harness) = Harness::start().await else { return };
    for (query, parameter, detail) in [
        ("status=done", "status", "`done` is not a status; they are uploading, uploaded"),
        ("limit=0", "limit", "from 1 to 200"),
        ("limit=201", "limit", "from 1 to 200"),
        ("limit=many", "limit", "from 1 to 200"),
        ("cursor=nonsense", "cursor", "`nonsense` is not a cursor"),
        ("page=2", "page", "expected one of `status`, `created_after`"),
        ("created_after=today", "created_after", "must be a time such as"),
        ("created_before=2026-11-21", "created_before", "must be a time such as"),
        ("limit=1&limit=2", "limit", "is there twice"),
        (MANY, "query", "more than 16 parameters"),
    ] {
        let answer = harness.get(&format!("/videos?{query}")).await;
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}");
        let text = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(text.contains(detail), "{query}: {text}");
    }
    for id in ["0192f000-0000-7000-8000-000000000001", "1", "..%2f..", "%ff"] {
        harness.get(&format!("/videos/{id}")).await.problem(404, "video-not-found");
        let path = format!("/videos/{id}/cancel");
        harness.post(&path, "").await.problem(404, "video-not-found");
    }
    for path in ["/video", "/assets/", "/videos/", "/videos/1/2", "/openapi", "//videos"] {
        harness.get(path).await.problem(404, "unknown-route");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/videos", "GET,HEAD,POST"),
        (Method::PUT, "/videos/1", "DELETE,GET,HEAD"),
        (Method::GET, "/videos/1/cancel", "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = harness.send(request).await;
        answer.problem(405, "method-not-allowed");
        let mut allowed: Vec<_> = answer.header(header::ALLOW).split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{path}");
    }
}

#[tokio::test]
async fn videos_that_have_ended_cannot_be_cancelled() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.insert().await;
    let end = contract::completion::Input {
        video: id,
        attempt: 1,
        outcome: contract::completion::Outcome::Cancelled,
    };
    harness.api.catalog.finish(&end).await.unwrap();
    let answer = harness.post(&format!("/videos/{id}/cancel"), "").await;
    let problem = answer.problem(409, "not-cancellable");
    assert_eq!(problem["video_status"], Status::Cancelled.as_str());
}
