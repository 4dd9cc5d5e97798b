//! Keys: who needs one, what it reaches, and how much it may ask for.

use std::time::Duration;

use api::{Access, Bounds, Settings};
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header, request::Builder},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use catalog::{ApiKey, NewApiKey};
use contract::VideoId;
use fixtures::BusyClock;
use futures::FutureExt as _;
use serde_json::Value;
use storage::{Bucket, Object, layout::Layout};

use crate::harness::{Answer, Harness, ask};

/// Longest time until a key that was made or revoked counts; 2 s, and some for what is done then.
const COUNTS_WITHIN: Duration = Duration::from_secs(5);
const BODY: &str = r#"{"url": "http://example.com/clip.mp4"}"#;

fn new_key(tenant: &str) -> NewApiKey {
    NewApiKey {
        name: "shop".into(),
        tenant: tenant.into(),
        requests_per_minute: None,
        videos_max: None,
    }
}

async fn make(harness: &Harness, new: NewApiKey) -> (ApiKey, String) {
    let (key, text) = harness.api.catalog.create_api_key(new).await.unwrap();
    (key, text.expose().to_owned())
}

fn with(key: &str, request: Builder) -> Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {key}"))
}

async fn get(router: &Router, key: &str, path: &str) -> Answer {
    ask(router, with(key, Request::get(path)).body(Body::empty()).unwrap()).await
}

async fn post(router: &Router, key: &str, path: &str, once: Option<&str>) -> Answer {
    let mut request =
        with(key, Request::post(path)).header(header::CONTENT_TYPE, "application/json");
    if let Some(once) = once {
        request = request.header("idempotency-key", once);
    }
    ask(router, request.body(Body::from(BODY)).unwrap()).await
}

/// Asks until the status changes, and answers the first other one.
async fn until_other(router: &Router, key: &str, status: StatusCode) -> Answer {
    let asked = BusyClock::start().unwrap();
    loop {
        let answer = get(router, key, "/videos").await;
        if answer.status != status {
            return answer;
        }
        assert!(asked.elapsed() < COUNTS_WITHIN, "still {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_key_is_needed_as_soon_as_there_is_one() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let nothing = || Request::get("/videos").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, nothing()).await.status, StatusCode::OK);
    // Clients of other services cannot leave theirs out.
    assert_eq!(get(&router, "rpa_of_another", "/videos").await.status, StatusCode::OK);
    let foreign = Request::get("/videos").header("authorization", "Bearer rpa_of_another");
    let foreign = foreign.header("host", "evil.example").body(Body::empty()).unwrap();
    ask(&router, foreign).await.problem(421, "unknown-host");

    let (key, text) = make(&harness, new_key("default")).await;
    // A new key counts at once, and with it everybody needs one.
    assert_eq!(get(&router, &text, "/videos").await.status, StatusCode::OK);
    let refused = ask(&router, nothing()).await;
    refused.problem(401, "key-required");
    assert_eq!(refused.header(header::WWW_AUTHENTICATE), "Bearer");
    get(&router, "rpa_of_another", "/videos").await.problem(401, "unknown-key");
    let other = Request::get("/videos").header("x-api-key", &text).body(Body::empty()).unwrap();
    assert_eq!(ask(&router, other).await.status, StatusCode::OK);
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        let open = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(ask(&router, open).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/nowhere", "/videos/1", "/healthz/"] {
        let closed = Request::get(path).body(Body::empty()).unwrap();
        ask(&router, closed).await.problem(401, "key-required");
    }

    let (_, kept) = make(&harness, new_key("default")).await;
    harness.api.catalog.revoke_api_key(key.id).await.unwrap();
    until_other(&router, &text, StatusCode::OK).await.problem(401, "unknown-key");
    assert_eq!(get(&router, &kept, "/videos").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_made_elsewhere_ends_calls_without_one() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    assert_eq!(
        ask(&router, Request::get("/videos").body(Body::empty()).unwrap()).await.status,
        200
    );
    make(&harness, new_key("default")).await;
    let asked = BusyClock::start().unwrap();
    while ask(&router, Request::get("/videos").body(Body::empty()).unwrap()).await.status == 200 {
        assert!(asked.elapsed() < COUNTS_WITHIN, "still open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_exposed_api_answers_nobody_before_there_is_a_key() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access { exposed: true, ..Access::default() });
    let refused = ask(&router, Request::get("/videos").body(Body::empty()).unwrap()).await;
    let problem = refused.problem(401, "key-required");
    assert!(problem["detail"].as_str().unwrap().contains("millrace keys create"), "{problem}");
    get(&router, "rpa_of_another", "/videos").await.problem(401, "unknown-key");
    let open = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, open).await.status, StatusCode::OK);
    let (_, text) = make(&harness, new_key("default")).await;
    assert_eq!(get(&router, &text, "/videos").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_tells_of_all_tenants_is_for_operators() {
    let Some(harness) = Harness::start().await else { return };
    let router = |operator: Option<&str>| {
        let operator = operator.map(|token| token.parse().unwrap());
        let access = Access { operator, ..Access::default() };
        let beside = Router::new().route("/metrics", axum::routing::get(async || "numbers"));
        harness.router_beside(Settings { access, ..harness.api.settings.clone() }, beside)
    };
    let token = "a-token-of-the-operator";
    let open = Request::get("/metrics").body(Body::empty()).unwrap();
    assert_eq!(ask(&router(None), open).await.status, StatusCode::OK, "before there is a key");
    let (_, ours) = make(&harness, new_key("default")).await;
    let (_, theirs) = make(&harness, new_key("acme")).await;
    for with_token in [None, Some(token)] {
        let router = router(with_token);
        get(&router, &theirs, "/metrics").await.problem(403, "operators-only");
        assert_eq!(get(&router, &theirs, "/videos").await.status, StatusCode::OK);
        assert_eq!(get(&router, &ours, "/metrics").await.text(), "numbers");
        let told = get(&router, token, "/metrics").await;
        assert_eq!(told.status == StatusCode::OK, with_token.is_some(), "{}", told.text());
        // The token opens nothing else.
        get(&router, token, "/videos").await.problem(401, "unknown-key");
    }
}

/// Every documented call that names a video.
async fn calls_on_a_video(harness: &Harness) -> Vec<(Method, String)> {
    let document = harness.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let named = paths.iter().filter(|(path, _)| path.starts_with("/videos/{id}"));
    let calls = named.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
    });
    calls.collect()
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_not_there() {
    let Some(harness) = Harness::start().await else { return };
    let calls = calls_on_a_video(&harness).await;
    assert!(calls.len() >= 6, "{calls:?}");
    let router = harness.router(Access::default());
    let (key, acme) = make(&harness, new_key("acme")).await;
    let (_, other) = make(&harness, new_key("other")).await;
    let created = post(&router, &acme, "/videos", None).await;
    assert_eq!(created.status, StatusCode::ACCEPTED, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let row = harness.row(id.parse().unwrap()).await;
    assert_eq!((row.tenant.as_str(), row.api_key), ("acme", Some(key.id)));
    for (method, path) in calls {
        let path = path.replace("{id}", &id);
        let request = with(&other, Request::builder().method(method.clone()).uri(&path));
        let answer = ask(&router, request.body(Body::empty()).unwrap()).await;
        answer.problem(404, "video-not-found");
    }
    let seen = |page: Answer| page.json()["videos"].as_array().unwrap().len();
    assert_eq!(seen(get(&router, &other, "/videos").await), 0);
    assert_eq!(seen(get(&router, &acme, "/videos").await), 1);
    assert_eq!(harness.row(id.parse().unwrap()).await.updated_at, row.updated_at);
}

#[tokio::test]
async fn objects_of_another_tenants_video_cannot_be_named() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let (_, acme) = make(&harness, new_key("acme")).await;
    let (_, other) = make(&harness, new_key("other")).await;
    let created = post(&router, &acme, "/videos", None).await.json();
    let id: VideoId = created["id"].as_str().unwrap().parse().unwrap();
    let object = Layout::new(id).source("clip.mp4").unwrap();
    harness.api.store.put_bytes(&object, &b"media"[..]).await.unwrap();
    let place = serde_json::json!({"bucket": "videos", "key": object.key()});
    let mark = serde_json::json!({"url": "http://example.com/clip.mp4",
        "options": {"watermark": {"image": place}}});
    for (body, pointer) in [(&place, "#/key"), (&mark, "#/options/watermark/image/key")] {
        let post = |key| {
            let request = with(key, Request::post("/videos"));
            let request = request.header(header::CONTENT_TYPE, "application/json");
            ask(&router, request.body(Body::from(body.to_string())).unwrap()).boxed()
        };
        let refused = post(&other).await;
        refused.problem(422, "invalid-request");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
        let taken = post(&acme).await;
        assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.text());
    }
}

#[tokio::test]
async fn objects_that_are_no_videos_belong_to_one_tenant_or_were_opened() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let mut texts = Vec::new();
    for tenant in ["default", "acme", "acme/b", "other"] {
        texts.push((tenant, make(&harness, new_key(tenant)).await.1));
    }
    let source = contract::Source::Url { url: "http://example.com/clip.mp4".into() };
    let video = catalog::NewVideo::new(contract::VideoId(uuid::Uuid::now_v7()), "acme", source);
    let video = harness.api.catalog.insert(video).await.unwrap().into_video().id;
    let capitals = format!("{}/source/a.mp4", video.to_string().to_uppercase());
    for (key, open_to) in [
        ("inbox/a.mp4", &["default"][..]),
        ("tenants/acme/a.mp4", &["acme"]),
        ("tenants/acme/b/a.mp4", &["acme"]),
        ("tenants/acme%2Fb/a.mp4", &["acme/b"]),
        ("tenants/acme2/a.mp4", &[]),
        ("tenants/default/a.mp4", &["default"]),
        ("tenants/a.mp4", &[]),
        ("library/a.mp4", &["default", "acme", "acme/b", "other"]),
        ("theirs/a.mp4", &["default", "acme"]),
        ("exports/x/.export.json", &[]),
        ("Exports/x/.export.json", &[]),
        ("TENANTS/acme/a.mp4", &[]),
        ("tenant\u{17f}/acme/a.mp4", &[]),
        (&capitals, &["acme"]),
    ] {
        let object = Object::new(Bucket::Videos, key).unwrap();
        harness.api.store.put_bytes(&object, &b"media"[..]).await.unwrap();
        let place = serde_json::json!({"bucket": "videos", "key": key});
        let mark = serde_json::json!({"url": "http://example.com/clip.mp4",
            "options": {"watermark": {"image": place}}});
        for (tenant, text) in &texts {
            for body in [&place, &mark] {
                let request = with(text, Request::post("/videos"));
                let request = request.header(header::CONTENT_TYPE, "application/json");
                let request = request.body(Body::from(body.to_string())).unwrap();
                let answer = ask(&router, request).boxed().await;
                let open = open_to.contains(tenant);
                assert_eq!(answer.status == StatusCode::ACCEPTED, open, "{tenant} {body}");
                assert!(open || answer.status == StatusCode::UNPROCESSABLE_ENTITY);
            }
        }
    }
}

#[tokio::test]
async fn prefixes_of_two_tenants_are_never_the_same() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let mut prefixes = Vec::new();
    for (tenant, prefix) in [("acme/b", "x"), ("acme", "b/x")] {
        let (_, text) = make(&harness, new_key(tenant)).await;
        let body = serde_json::json!({"url": "http://example.com/clip.mp4",
            "options": {"output_prefix": prefix}});
        let request = with(&text, Request::post("/videos"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = ask(&router, request.body(Body::from(body.to_string())).unwrap()).await;
        let id = answer.json()["id"].as_str().unwrap().parse().unwrap();
        prefixes.push(harness.row(id).await.export.unwrap().outputs);
    }
    assert_eq!(prefixes, ["tenants/acme%2Fb/x", "tenants/acme/b/x"]);
}

#[tokio::test]
async fn guessing_keys_costs_the_guesser_alone() {
    let Some(harness) = Harness::start().await else { return };
    let bounds = Bounds { unknown_keys_per_minute: 3, ..Bounds::default() };
    let router = harness.router_of(Settings { bounds, ..harness.api.settings.clone() });
    let (_, good) = make(&harness, new_key("default")).await;
    assert_eq!(get(&router, &good, "/videos").await.status, StatusCode::OK);
    // Keys of the right form that nobody made.
    let guess = |number: u8| format!("mr_{}", URL_SAFE_NO_PAD.encode([number; 32]));
    for number in 0..3 {
        get(&router, &guess(number), "/videos").await.problem(401, "unknown-key");
    }
    let refused = get(&router, &guess(3), "/videos").await;
    let problem = refused.problem(429, "rate-limited");
    assert!(problem["detail"].as_str().unwrap().contains("--unknown-keys-per-minute"));
    assert!((1..=60).contains(&refused.header(header::RETRY_AFTER).parse::<u64>().unwrap()));
    // What is known not to exist needs no look, and neither does what can be no key.
    for text in [&guess(0), "mr_x", ""] {
        get(&router, text, "/videos").await.problem(401, "unknown-key");
    }
    assert_eq!(get(&router, &good, "/videos").await.status, StatusCode::OK);
    // A new key counts as soon as the keys are read anyway.
    let (_, new) = make(&harness, new_key("default")).await;
    let answer = until_other(&router, &new, StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_come_back() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    // One at once, and the next one after ten seconds.
    let limited = NewApiKey { requests_per_minute: Some(6), ..new_key("default") };
    let (_, limited) = make(&harness, limited).await;
    let (_, free) = make(&harness, new_key("default")).await;
    assert_eq!(get(&router, &limited, "/videos").await.status, StatusCode::OK);
    let refused = get(&router, &limited, "/videos").await;
    refused.problem(429, "rate-limited");
    let wait: u64 = refused.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    for _ in 0..20 {
        assert_eq!(get(&router, &free, "/videos").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_key_has_no_more_unfinished_videos_than_it_may() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let limited = NewApiKey { videos_max: Some(1), ..new_key("default") };
    let (_, text) = make(&harness, limited).await;
    let first = post(&router, &text, "/videos", Some("one")).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let again = post(&router, &text, "/videos", Some("one")).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text());
    for once in [None, Some("two")] {
        let refused = post(&router, &text, "/videos", once).await;
        let problem = refused.problem(429, "quota-exceeded");
        assert!(problem["detail"].as_str().unwrap().contains("1 unfinished"), "{problem}");
    }
    let listed: Value = get(&router, &text, "/videos").await.json();
    assert_eq!(listed["videos"].as_array().unwrap().len(), 1);
}
