//! Uploads as a tus client sees them: what is taken, and what is refused.

use std::time::Duration;

use api::{Bounds, Settings};
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use contract::{Status, UploadId};
use serde_json::json;

use crate::{
    harness::{Answer, Harness, ask},
    tus::{SHA1_OF_MEDIA, tus},
};

#[tokio::test]
async fn a_file_arrives_in_pieces_and_its_video_begins() {
    let Some(harness) = Harness::start().await else { return };
    let path = harness.begin_upload(9).await;
    let (video, taken) = harness.video_from(&path).await;
    let id = path.trim_start_matches("/uploads/");
    assert_eq!(taken["status"], "uploading");
    let source = json!({"kind": "upload", "upload_id": id, "file_name": "my clip.mp4"});
    assert_eq!(taken["source"], source);

    let answer = harness.patch(&path, 0, &[], "media").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    assert_eq!((answer.header("upload-offset"), answer.header("tus-resumable")), ("5", "1.0.0"));
    assert_eq!(harness.row(video).await.status, Status::Uploading);
    let answer = harness.send(tus(Method::HEAD, &path, &[], "")).await;
    for (name, value) in [
        ("upload-offset", "5"),
        ("upload-length", "9"),
        ("upload-metadata", "filename bXkgY2xpcC5tcDQ="),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(harness.patch(&path, 5, &[], " end").await.status, StatusCode::NO_CONTENT);
    assert_eq!(harness.offset(&path).await, 9);
    let stored = harness.api.store.get_bytes(&Harness::object(&path)).await.unwrap();
    assert_eq!(stored, "media end");
    assert_eq!(harness.row(video).await.status, Status::Uploaded);
    assert_eq!(harness.api.reconcile(Duration::ZERO).await.unwrap(), 0, "no workflow");
    harness.patch(&path, 9, &[], "x").await.problem(409, "offset-mismatch");
    assert_eq!(harness.api.incoming.names().await.unwrap(), []);
}

/// Bytes that are free on the disk where uploads arrive, to within a MiB.
fn free_bytes(harness: &Harness) -> u64 {
    let (mut fits, mut full) = (0, 1 << 50);
    while full - fits > 1 << 20 {
        let middle = u64::midpoint(fits, full);
        match harness.api.incoming.check_space(middle) {
            Ok(()) => fits = middle,
            Err(_) => full = middle,
        }
    }
    fits
}

async fn declare(router: &Router, bytes: u64) -> Answer {
    let headers = [("upload-length", &*bytes.to_string())];
    ask(router, tus(Method::POST, "/uploads", &headers, "")).await
}

#[tokio::test]
async fn what_was_declared_has_its_place_on_the_disk() {
    let Some(harness) = Harness::start().await else { return };
    let bounds = Bounds { tenant_upload_bytes: u64::MAX, ..Bounds::default() };
    let settings = harness.api.settings.clone();
    let router = harness.router_of(Settings { bounds, upload_bytes_max: 1 << 50, ..settings });
    let most = free_bytes(&harness) / 10 * 6;
    let first = declare(&router, most).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    // Alone it would fit, too.
    declare(&router, most).await.problem(507, "insufficient-storage");
    let path = first.header(header::LOCATION);
    let gone = ask(&router, tus(Method::DELETE, path, &[], "")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(declare(&router, most).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_tenant_declares_no_more_than_it_may() {
    let Some(harness) = Harness::start().await else { return };
    let bounds = Bounds { tenant_upload_bytes: 100, ..Bounds::default() };
    let router = harness.router_of(Settings { bounds, ..harness.api.settings.clone() });
    let first = declare(&router, 60).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let problem = declare(&router, 41).await.problem(429, "too-many-uploads");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("--tenant-upload-mib-max") && detail.contains("60"), "{detail}");
    assert_eq!(declare(&router, 40).await.status, StatusCode::CREATED);
    let path = first.header(header::LOCATION);
    assert_eq!(ask(&router, tus(Method::DELETE, path, &[], "")).await.status, 204);
    assert_eq!(declare(&router, 60).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_first_bytes_may_come_with_the_creation() {
    let Some(harness) = Harness::start().await else { return };
    let headers = [
        ("upload-length", "5"),
        ("content-type", "application/offset+octet-stream"),
        ("upload-checksum", SHA1_OF_MEDIA),
    ];
    let answer = harness.send(tus(Method::POST, "/uploads", &headers, "media")).await;
    assert_eq!((answer.status, answer.header("upload-offset")), (StatusCode::CREATED, "5"));
    let (_, taken) = harness.video_from(answer.header(header::LOCATION)).await;
    assert_eq!(taken["status"], "uploaded");
    let empty = harness.begin_upload(0).await;
    assert_eq!(harness.offset(&empty).await, 0);
}

#[tokio::test]
async fn what_is_refused_keeps_the_upload_as_it_was() {
    let Some(harness) = Harness::start().await else { return };
    let path = harness.begin_upload(9).await;
    harness.patch(&path, 0, &[], "media").await;
    harness.patch(&path, 4, &[], "x").await.problem(409, "offset-mismatch");
    harness.patch(&path, 6, &[], "x").await.problem(409, "offset-mismatch");
    let wrong = [("upload-checksum", SHA1_OF_MEDIA)];
    let answer = harness.patch(&path, 5, &wrong, "lies").await;
    answer.problem(460, "checksum-mismatch");
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    let unknown = [("upload-checksum", "crc32 AAAA")];
    harness.patch(&path, 5, &unknown, "lies").await.problem(400, "invalid-header");
    harness.patch(&path, 5, &[], "beyond").await.problem(413, "upload-too-large");
    let announced = [("content-length", "6")];
    harness.patch(&path, 5, &announced, "beyond").await.problem(413, "upload-too-large");
    let untyped = [("upload-offset", "5")];
    let answer = harness.send(tus(Method::PATCH, &path, &untyped, "x")).await;
    answer.problem(415, "not-bytes-of-a-file");
    let bare = Request::patch(&path).body(Body::empty()).unwrap();
    let answer = harness.send(bare).await;
    answer.problem(412, "unsupported-tus-version");
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(harness.offset(&path).await, 5);
    assert_eq!(harness.patch(&path, 5, &[], " end").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn creations_that_are_refused_leave_nothing() {
    let Some(harness) = Harness::start().await else { return };
    for (headers, status, kind) in [
        (vec![], 400, "invalid-header"),
        (vec![("upload-length", "-1")], 400, "invalid-header"),
        (vec![("upload-defer-length", "1")], 400, "invalid-header"),
        (vec![("upload-length", "1001")], 413, "upload-too-large"),
        (vec![("upload-length", "9"), ("upload-metadata", "filename ~")], 400, "invalid-header"),
    ] {
        let answer = harness.send(tus(Method::POST, "/uploads", &headers, "")).await;
        answer.problem(status, kind);
    }
    assert_eq!(harness.api.incoming.names().await.unwrap(), []);
    let answer = harness.send(tus(Method::OPTIONS, "/uploads", &[], "")).await;
    assert_eq!((answer.status, answer.header("tus-max-size")), (StatusCode::NO_CONTENT, "1000"));
    assert!(answer.header("tus-extension").contains("creation"));
    assert!(answer.header("tus-checksum-algorithm").contains("sha1"));
}

#[tokio::test]
async fn nobody_else_finds_an_upload() {
    let Some(harness) = Harness::start().await else { return };
    let new = catalog::NewUpload {
        id: UploadId(uuid::Uuid::now_v7()),
        tenant: "other".into(),
        way: catalog::UploadWay::Tus,
        file_name: "a.mp4".into(),
        bytes: 5,
        metadata: None,
    };
    let theirs = harness.api.catalog.add_upload(new).await.unwrap().id.to_string();
    harness.api.incoming.create(&theirs, 5).await.unwrap();
    let never = "0192f000-0000-7000-8000-000000000001";
    for id in [theirs.as_str(), never, "1", "..%2f..%2fcatalog.db", "%ff"] {
        let path = format!("/uploads/{id}");
        harness.patch(&path, 0, &[], "media").await.problem(404, "upload-not-found");
        let answer = harness.send(tus(Method::HEAD, &path, &[], "")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        let answer = harness.send(tus(Method::DELETE, &path, &[], "")).await;
        answer.problem(404, "upload-not-found");
        harness.post(&format!("{path}/complete"), "").await.problem(404, "upload-not-found");
        let answer = harness.post("/videos", json!({"upload_id": id}).to_string()).await;
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "#/upload_id", "{id}");
    }
    assert_eq!(harness.api.incoming.bytes(&theirs).await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_folder_has_no_addresses_to_sign() {
    let Some(harness) = Harness::start().await else { return };
    let asked = r#"{"file_name": "a.mp4", "bytes": 5}"#;
    let problem = harness.post("/uploads/presigned", asked).await.problem(409, "another-way");
    assert!(problem["detail"].as_str().unwrap().contains("tus"), "{problem}");
    for (asked, pointer) in [
        (r#"{"file_name": "", "bytes": 5}"#, "#/file_name"),
        (r#"{"file_name": "a", "bytes": 0}"#, "#/bytes"),
        (r#"{"file_name": "a", "bytes": 5, "content_type": "é"}"#, "#/content_type"),
    ] {
        let problem =
            harness.post("/uploads/presigned", asked).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let large = r#"{"file_name": "a", "bytes": 1001}"#;
    harness.post("/uploads/presigned", large).await.problem(413, "upload-too-large");
    let path = harness.begin_upload(5).await;
    harness.post(&format!("{path}/complete"), "").await.problem(409, "upload-incomplete");
}
