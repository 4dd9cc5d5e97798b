//! Uploads: added, touched, finished, abandoned, and each used by one video.

use catalog::{Error, IdempotencyKey, NewUpload, NewVideo, Upload, UploadStatus, UploadWay};
use contract::{Source, Status, UploadId};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{on_both, place::Place, records::new_video};

on_both!(
    an_upload_comes_back_whole_and_is_finished_once,
    an_upload_makes_one_video,
    a_video_is_released_once_and_only_while_it_waits,
    uploads_that_nobody_comes_for_are_abandoned,
    an_upload_goes_with_its_video,
);

fn new_upload() -> NewUpload {
    NewUpload {
        id: UploadId(Uuid::now_v7()),
        tenant: "acme".into(),
        way: UploadWay::Tus,
        file_name: "ü, my clip.mov".into(),
        bytes: 1 << 40,
        metadata: Some("filename w7w=".into()),
    }
}

/// A video made from an upload that has not arrived.
fn video_of(upload: &Upload) -> NewVideo {
    NewVideo {
        source: Source::Upload { upload: upload.id, file_name: upload.file_name.clone() },
        upload: Some(upload.id),
        status: Status::Uploading,
        ..new_video()
    }
}

async fn an_upload_comes_back_whole_and_is_finished_once(place: Place) {
    let catalog = place.open().await;
    let new = new_upload();
    let presigned = NewUpload { way: UploadWay::Presigned, metadata: None, ..new_upload() };
    let added = catalog.add_upload(new.clone()).await.unwrap();
    let other = catalog.add_upload(presigned).await.unwrap();
    let expected = Upload {
        id: new.id,
        tenant: new.tenant,
        status: UploadStatus::Open,
        way: new.way,
        file_name: new.file_name,
        bytes: new.bytes,
        metadata: new.metadata,
        created_at: added.created_at,
        updated_at: added.created_at,
    };
    assert_eq!(added, expected);
    assert_eq!(catalog.upload(added.id).await.unwrap(), Some(expected));
    assert_eq!(catalog.open_uploads(None).await.unwrap(), [added.clone(), other.clone()]);
    assert_eq!(catalog.open_uploads(Some(added.id)).await.unwrap(), [other]);

    assert!(catalog.finish_upload(added.id).await.unwrap());
    assert!(!catalog.finish_upload(added.id).await.unwrap());
    let finished = catalog.upload(added.id).await.unwrap().unwrap();
    assert_eq!(finished.status, UploadStatus::Finished);
    assert!(finished.updated_at > added.updated_at);
    for _ in 0..2 {
        catalog.forget_upload(added.id).await.unwrap();
        assert_eq!(catalog.upload(added.id).await.unwrap(), None);
    }
    assert!(!catalog.finish_upload(added.id).await.unwrap());
}

async fn an_upload_makes_one_video(place: Place) {
    let catalog = place.open().await;
    let upload = catalog.add_upload(new_upload()).await.unwrap();
    let key =
        |fingerprint: &str| IdempotencyKey { key: "k".into(), fingerprint: fingerprint.into() };
    assert_eq!(catalog.video_of(upload.id).await.unwrap(), None);
    catalog.insert_once(video_of(&upload), key("a")).await.unwrap();
    let video = catalog.video_of(upload.id).await.unwrap().unwrap();
    assert_eq!(video.source, video_of(&upload).source);
    // The same request again finds its video; any other is refused and leaves nothing.
    catalog.insert_once(video_of(&upload), key("a")).await.unwrap();
    let refused = catalog.insert(video_of(&upload)).await;
    assert!(matches!(refused, Err(Error::UploadTaken)), "{refused:?}");
    let other = IdempotencyKey { key: "other".into(), fingerprint: "a".into() };
    let refused = catalog.insert_once(video_of(&upload), other.clone()).await;
    assert!(matches!(refused, Err(Error::UploadTaken)), "{refused:?}");
    let added = catalog.insert_once(new_video(), other).await.unwrap();
    assert!(matches!(added, catalog::Keyed::Video(_)), "the refused request kept its key");
}

async fn a_video_is_released_once_and_only_while_it_waits(place: Place) {
    let catalog = place.open().await;
    let upload = catalog.add_upload(new_upload()).await.unwrap();
    let video = catalog.insert(video_of(&upload)).await.unwrap().into_video();
    assert!(catalog.release(video.id).await.unwrap());
    assert!(!catalog.release(video.id).await.unwrap());
    assert_eq!(catalog.get(video.id).await.unwrap().unwrap().status, Status::Uploaded);
    catalog.finish(&crate::records::end(video.id, 1, Status::Failed)).await.unwrap();
    assert!(!catalog.release(video.id).await.unwrap());
    assert_eq!(catalog.get(video.id).await.unwrap().unwrap().status, Status::Failed);
}

async fn uploads_that_nobody_comes_for_are_abandoned(place: Place) {
    let catalog = place.open().await;
    let mut uploads = Vec::new();
    for _ in 0..4 {
        uploads.push(catalog.add_upload(new_upload()).await.unwrap());
    }
    let [open, finished, used, touched] = &uploads[..] else { unreachable!() };
    catalog.finish_upload(finished.id).await.unwrap();
    catalog.finish_upload(used.id).await.unwrap();
    catalog.insert(video_of(used)).await.unwrap();
    let before = OffsetDateTime::now_utc();
    catalog.touch_upload(touched.id).await.unwrap();
    let ids = |uploads: Vec<Upload>| uploads.iter().map(|upload| upload.id).collect::<Vec<_>>();
    let found = catalog.abandoned_uploads(before).await.unwrap();
    assert_eq!(ids(found), [open.id, finished.id]);
    let long_ago = before - Duration::days(7);
    assert_eq!(catalog.abandoned_uploads(long_ago).await.unwrap(), []);
}

async fn an_upload_goes_with_its_video(place: Place) {
    let catalog = place.open().await;
    let (upload, other) = (
        catalog.add_upload(new_upload()).await.unwrap(),
        catalog.add_upload(new_upload()).await.unwrap(),
    );
    let video = catalog.insert(video_of(&upload)).await.unwrap().into_video();
    let unrelated = catalog.insert(new_video()).await.unwrap().into_video();
    catalog.delete(unrelated.id).await.unwrap();
    assert_eq!(catalog.upload(upload.id).await.unwrap(), Some(upload.clone()));
    catalog.delete(video.id).await.unwrap();
    assert_eq!(catalog.upload(upload.id).await.unwrap(), None);
    assert_eq!(catalog.upload(other.id).await.unwrap(), Some(other));
}
