//! Every call of the API's own description, made by one tenant about what belongs to another: it is
//! answered as if that were not there, byte for byte.

use api::Access;
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use catalog::NewApiKey;
use uuid::Uuid;

use crate::{
    deliveries::message,
    harness::{Answer, Harness, ask},
};

/// Calls with a parameter in their path, which are those about one thing, and whether they only look.
async fn calls(harness: &Harness) -> Vec<(Method, String)> {
    let document = harness.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let about_one = paths.iter().filter(|(path, _)| path.contains("{id}"));
    let calls = about_one.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
    });
    calls.collect()
}

async fn key(harness: &Harness, tenant: &str) -> String {
    let new = NewApiKey {
        name: "test".into(),
        tenant: tenant.into(),
        requests_per_minute: None,
        videos_max: None,
    };
    harness.api.catalog.create_api_key(new).await.unwrap().1.expose().to_owned()
}

async fn call(router: &Router, key: &str, method: &Method, path: &str) -> Answer {
    let request = Request::builder()
        .method(method.clone())
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/offset+octet-stream")
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", "0");
    ask(router, request.body(Body::empty()).unwrap()).await
}

async fn upload(harness: &Harness, tenant: &str) -> String {
    let new = catalog::NewUpload {
        id: contract::UploadId(Uuid::now_v7()),
        tenant: tenant.into(),
        way: catalog::UploadWay::Tus,
        file_name: "a.mp4".into(),
        bytes: 5,
        metadata: None,
    };
    let id = harness.api.catalog.add_upload(new).await.unwrap().id.to_string();
    harness.api.incoming.create(&id, 5).await.unwrap();
    id
}

#[tokio::test]
async fn what_is_anothers_is_not_there_on_any_route() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let (acme, other) = (key(&harness, "acme").await, key(&harness, "other").await);
    let (video, delivery) = message(&harness, "acme").await;
    let ids = [video.to_string(), delivery.to_string(), upload(&harness, "acme").await];
    let calls = calls(&harness).await;
    assert!(calls.len() >= 14, "{calls:?}");
    let row = harness.row(video).await;
    for (method, path) in &calls {
        let path = path.replace("{endpoint}", "any");
        for id in &ids {
            let theirs = call(&router, &other, method, &path.replace("{id}", id)).await;
            let nobody = Uuid::now_v7().to_string();
            let absent = call(&router, &other, method, &path.replace("{id}", &nobody)).await;
            assert!(theirs.status.is_client_error(), "{method} {path}: {}", theirs.text());
            assert_eq!(theirs.status, absent.status, "{method} {path}");
            assert_eq!(theirs.text().replace(id, &nobody), absent.text(), "{method} {path}");
        }
    }
    assert_eq!(harness.row(video).await.updated_at, row.updated_at);
    // The control: whose it is finds each of them by the same calls.
    for (id, path) in ids.iter().zip(["/videos/{id}", "/webhooks/deliveries/{id}", "/uploads/{id}"])
    {
        let method = if path.starts_with("/uploads") { Method::HEAD } else { Method::GET };
        let found = call(&router, &acme, &method, &path.replace("{id}", id)).await;
        assert!(found.status == StatusCode::OK, "{path}: {}", found.text());
    }
}
