//! Uploads as a tus client sees them, and the videos made from them.

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, header},
};
use contract::{Status, UploadId, VideoId};
use serde_json::json;
use storage::{Bucket, Object};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

use crate::harness::{Answer, Harness};

const SHA1_OF_MEDIA: &str = "sha1 uzYqRqSD8/jJk+xFl4riTmCx6k4=";

/// A request with the protocol's version.
fn tus(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("tus-resumable", "1.0.0");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

impl Harness {
    /// Begins an upload and answers its path.
    async fn begin_upload(&self, bytes: u64) -> String {
        let length = bytes.to_string();
        // "my clip.mp4"
        let headers =
            [("upload-length", length.as_str()), ("upload-metadata", "filename bXkgY2xpcC5tcDQ=")];
        let answer = self.send(tus(Method::POST, "/uploads", &headers, "")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        assert_eq!(answer.header("upload-offset"), "0");
        assert!(answer.header("upload-expires").ends_with(" GMT"));
        answer.header(header::LOCATION).to_owned()
    }

    async fn patch(
        &self,
        path: &str,
        offset: u64,
        more: &[(&str, &str)],
        body: &'static str,
    ) -> Answer {
        let offset = offset.to_string();
        let mut headers = vec![
            ("upload-offset", offset.as_str()),
            ("content-type", "application/offset+octet-stream"),
        ];
        headers.extend_from_slice(more);
        self.send(tus(Method::PATCH, path, &headers, body)).await
    }

    /// How much has arrived, as HEAD says.
    async fn offset(&self, path: &str) -> u64 {
        let answer = self.send(tus(Method::HEAD, path, &[], "")).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.header("upload-offset").parse().unwrap()
    }

    /// Posts a video that is made from an upload.
    async fn video_from(&self, path: &str) -> (VideoId, serde_json::Value) {
        let body = json!({"upload_id": path.trim_start_matches("/uploads/")}).to_string();
        let answer = self.post("/videos", body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        (answer.json()["id"].as_str().unwrap().parse().unwrap(), answer.json())
    }

    fn object(path: &str) -> Object {
        let id: UploadId = path.trim_start_matches("/uploads/").parse().unwrap();
        storage::layout::upload(id, "my clip.mp4").unwrap()
    }
}

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
    assert_eq!(harness.api.reconcile(std::time::Duration::ZERO).await.unwrap(), 0, "no workflow");
    harness.patch(&path, 9, &[], "x").await.problem(409, "offset-mismatch");
    assert_eq!(harness.api.incoming.names().await.unwrap(), []);
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
async fn a_terminated_upload_is_gone_and_fails_the_video_that_waits_for_it() {
    let Some(harness) = Harness::start().await else { return };
    let path = harness.begin_upload(9).await;
    harness.patch(&path, 0, &[], "media").await;
    let (video, _) = harness.video_from(&path).await;
    let answer = harness.send(tus(Method::DELETE, &path, &[], "")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    harness.patch(&path, 5, &[], " end").await.problem(404, "upload-not-found");
    assert_eq!(harness.api.incoming.names().await.unwrap(), []);
    let row = harness.row(video).await;
    assert_eq!(row.status, Status::Failed);
    assert_eq!(row.error.unwrap().code, contract::ErrorCode::SourceNotFound);

    // One that a video is made from goes with the video only.
    let path = harness.begin_upload(5).await;
    harness.patch(&path, 0, &[], "media").await;
    harness.video_from(&path).await;
    let answer = harness.send(tus(Method::DELETE, &path, &[], "")).await;
    answer.problem(409, "upload-in-use");
}

#[tokio::test]
async fn an_upload_makes_one_video_and_goes_with_a_cancelled_one() {
    let Some(harness) = Harness::start().await else { return };
    let path = harness.begin_upload(9).await;
    harness.patch(&path, 0, &[], "media").await;
    let (video, _) = harness.video_from(&path).await;
    let body = json!({"upload_id": path.trim_start_matches("/uploads/")}).to_string();
    let problem = harness.post("/videos", body).await.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "#/upload_id");
    let answer = harness.post(&format!("/videos/{video}/cancel"), "").await;
    assert_eq!(answer.json()["status"], "cancelled");
    harness.patch(&path, 5, &[], " end").await.problem(404, "upload-not-found");
    assert_eq!(harness.api.incoming.names().await.unwrap(), []);
    assert_eq!(harness.api.store.list(Bucket::Uploads, "").await.unwrap(), []);
}

#[tokio::test]
async fn one_request_sends_at_a_time_and_a_broken_one_keeps_what_arrived() {
    let Some(harness) = Harness::start().await else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = api::router(harness.api.clone());
    let server = tokio::spawn(api::serve(listener, router, std::future::pending()));
    let path = harness.begin_upload(9).await;
    let checked = harness.begin_upload(9).await;
    for (path, checksum, kept) in
        [(&path, String::new(), 5), (&checked, format!("Upload-Checksum: {SHA1_OF_MEDIA}\r\n"), 0)]
    {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: 9\r\n{checksum}\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(b"media").await.unwrap();
        // Until the first bytes are being taken in, nothing is locked.
        while harness.api.incoming.names().await.unwrap().is_empty()
            || matches!(
                harness.api.incoming.claim(path.trim_start_matches("/uploads/")).await.unwrap(),
                storage::Claim::Ours(_)
            )
        {
            tokio::task::yield_now().await;
        }
        harness.patch(path, 0, &[], "other").await.problem(423, "upload-locked");
        let answer = harness.send(tus(Method::DELETE, path, &[], "")).await;
        answer.problem(423, "upload-locked");
        if kept > 0 {
            while harness.offset(path).await < kept {
                tokio::task::yield_now().await;
            }
        }
        drop(client);
        let rest = if kept == 0 { "media end" } else { " end" };
        loop {
            assert_eq!(harness.offset(path).await, kept);
            let answer = harness.patch(path, kept, &[], rest).await;
            if answer.status == StatusCode::NO_CONTENT {
                break;
            }
            answer.problem(423, "upload-locked");
            tokio::task::yield_now().await;
        }
        let stored = harness.api.store.get_bytes(&Harness::object(path)).await.unwrap();
        assert_eq!(stored, "media end");
    }
    server.abort();
}

#[tokio::test]
async fn what_a_crash_leaves_behind_the_last_byte_is_finished() {
    let Some(harness) = Harness::start().await else { return };
    let (arrived, moved) = (harness.begin_upload(5).await, harness.begin_upload(5).await);
    let mut videos = Vec::new();
    for path in [&arrived, &moved] {
        let id = path.trim_start_matches("/uploads/");
        let storage::Claim::Ours(mut file) = harness.api.incoming.claim(id).await.unwrap() else {
            panic!("somebody has it")
        };
        file.append(&Bytes::from_static(b"media")).await.unwrap();
        file.keep().await.unwrap();
        if path == &moved {
            let object = Harness::object(path);
            harness.api.store.put_file(&object, file.path()).await.unwrap();
        }
        drop(file);
    }
    for path in [&arrived, &moved] {
        // Written as by a process that dies before it looks again.
        let id: UploadId = path.trim_start_matches("/uploads/").parse().unwrap();
        let source = contract::Source::Upload { upload: id, file_name: "my clip.mp4".into() };
        let new = catalog::NewVideo {
            upload: Some(id),
            status: Status::Uploading,
            ..catalog::NewVideo::new(VideoId(uuid::Uuid::now_v7()), "default", source)
        };
        videos.push(harness.api.catalog.insert(new).await.unwrap().into_video().id);
    }
    assert_eq!(harness.api.settle_uploads().await.unwrap(), 2);
    assert_eq!(harness.api.settle_uploads().await.unwrap(), 0);
    for (video, path) in videos.into_iter().zip([&arrived, &moved]) {
        assert_eq!(harness.row(video).await.status, Status::Uploaded);
        let stored = harness.api.store.get_bytes(&Harness::object(path)).await.unwrap();
        assert_eq!(stored, "media");
        assert_eq!(harness.offset(path).await, 5);
    }
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
