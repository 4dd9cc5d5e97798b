//! How uploads end: broken off, terminated, cancelled, finished after a crash, swept away.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Bytes,
    http::{Method, StatusCode},
};
use contract::{Status, UploadId, VideoId};
use serde_json::json;
use storage::{Bucket, Claim, Incoming};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

use crate::{
    harness::{Harness, ask},
    tus::{SHA1_OF_MEDIA, tus},
};

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
    let router = api::router(harness.api.clone(), Router::new());
    let server = tokio::spawn(api::serve(
        listener,
        router,
        api::ConnectionLimits::default(),
        std::future::pending(),
    ));
    let path = harness.begin_upload(9).await;
    let checked = harness.begin_upload(9).await;
    for (path, checksum, kept) in
        [(&path, String::new(), 5), (&checked, format!("Upload-Checksum: {SHA1_OF_MEDIA}\r\n"), 0)]
    {
        let id = path.trim_start_matches("/uploads/");
        let Claim::Ours(file) = harness.api.incoming.claim(id).await.unwrap() else {
            panic!("somebody has it")
        };
        let mark = file.path().with_extension("unchecked");
        drop(file);
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: 9\r\n{checksum}\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(b"media").await.unwrap();
        // Looked at from outside: to claim the file now could take it from the request.
        while if kept > 0 { harness.offset(path).await < kept } else { !mark.exists() } {
            tokio::task::yield_now().await;
        }
        harness.patch(path, 0, &[], "other").await.problem(423, "upload-locked");
        let answer = harness.send(tus(Method::DELETE, path, &[], "")).await;
        answer.problem(423, "upload-locked");
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
        let Claim::Ours(mut file) = harness.api.incoming.claim(id).await.unwrap() else {
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
async fn a_full_disk_is_told_apart() {
    let Some(harness) = Harness::start().await else { return };
    let path = harness.begin_upload(9).await;
    let api = &harness.api;
    let id = path.trim_start_matches("/uploads/");
    let Claim::Ours(file) = api.incoming.claim(id).await.unwrap() else { panic!("busy") };
    let folder = file.path().parent().unwrap().to_owned();
    drop(file);
    let full = Arc::new(api::Api {
        catalog: api.catalog.clone(),
        temporal: api.temporal.clone(),
        store: api.store.clone(),
        incoming: Incoming::open(&folder, u64::MAX).unwrap(),
        settings: api.settings.clone(),
    });
    let router = api::router(full, Router::new());
    let headers = [("upload-length", "9")];
    let answer = ask(&router, tus(Method::POST, "/uploads", &headers, "")).await;
    answer.problem(507, "insufficient-storage");
    let headers = [("upload-offset", "0"), ("content-type", "application/offset+octet-stream")];
    let answer = ask(&router, tus(Method::PATCH, &path, &headers, "media")).await;
    answer.problem(507, "insufficient-storage");
    assert_eq!(harness.offset(&path).await, 0);
}

#[tokio::test]
async fn a_file_that_belongs_to_no_upload_is_swept_once_it_is_old() {
    let Some(harness) = Harness::start().await else { return };
    let incoming = &harness.api.incoming;
    let kept = harness.begin_upload(9).await;
    let [old, fresh] = [(); 2].map(|()| uuid::Uuid::now_v7().to_string());
    let two_hours_ago = SystemTime::now() - Duration::from_hours(2);
    for name in [old.as_str(), fresh.as_str(), kept.trim_start_matches("/uploads/")] {
        if name == old || name == fresh {
            incoming.create(name, 9).await.unwrap();
        }
        let Claim::Ours(file) = incoming.claim(name).await.unwrap() else { panic!("busy") };
        if name != fresh {
            let file = fs_err::OpenOptions::new().write(true).open(file.path()).unwrap();
            file.file().set_modified(two_hours_ago).unwrap();
        }
    }
    assert_eq!(harness.api.settle_uploads().await.unwrap(), 0);
    assert_eq!(incoming.bytes(&old).await.unwrap(), None);
    assert_eq!(incoming.bytes(&fresh).await.unwrap(), Some(0));
    assert_eq!(harness.offset(&kept).await, 0);
}
