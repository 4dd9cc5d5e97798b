//! What is written comes back: new videos, whole rows, damaged rows.

use catalog::{Error, Inserted, Video};
use contract::{Source, Status, UploadId, VideoId};
use serde_json::json;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    on_both,
    place::Place,
    records::{end, failure, new_video, outputs, summary, warnings},
};

on_both!(
    a_new_video_comes_back_whole,
    a_ready_video_comes_back_whole,
    a_failed_video_comes_back_whole,
    every_kind_of_source_comes_back,
    adding_twice_changes_nothing,
    of_many_who_add_one_video_one_does,
    an_unknown_video_is_not_there,
    a_deleted_video_and_its_keys_are_gone,
    a_damaged_column_is_named,
);

async fn a_new_video_comes_back_whole(place: Place) {
    let catalog = place.open().await;
    let new = new_video();
    let before = OffsetDateTime::now_utc() - time::Duration::microseconds(1);
    let Inserted::Inserted(video) = catalog.insert(new.clone()).await.unwrap() else {
        panic!("it was there before");
    };
    assert!(before <= video.created_at && video.created_at <= OffsetDateTime::now_utc());
    let expected = Video {
        id: new.id,
        tenant: new.tenant,
        status: Status::Uploaded,
        attempt: 1,
        source: new.source,
        options: new.options,
        metadata: new.metadata,
        summary: None,
        outputs: None,
        warnings: vec![],
        error: None,
        private: new.private,
        export: new.export,
        api_key: new.api_key,
        upload: new.upload,
        removal: None,
        created_at: video.created_at,
        updated_at: video.created_at,
    };
    assert_eq!(video, expected);
    assert_eq!(catalog.get(video.id).await.unwrap(), Some(expected));
}

async fn a_ready_video_comes_back_whole(place: Place) {
    let catalog = place.open().await;
    let new = catalog.insert(new_video()).await.unwrap().into_video();
    catalog.begin(new.id, 1).await.unwrap();
    catalog.finish(&end(new.id, 1, Status::Ready)).await.unwrap();
    let found = catalog.get(new.id).await.unwrap().unwrap();
    assert!(found.updated_at > new.updated_at);
    let expected = Video {
        status: Status::Ready,
        summary: Some(summary()),
        outputs: Some(outputs()),
        warnings: warnings(),
        updated_at: found.updated_at,
        ..new
    };
    assert_eq!(found, expected);
}

async fn a_failed_video_comes_back_whole(place: Place) {
    let catalog = place.open().await;
    let new = catalog.insert(new_video()).await.unwrap().into_video();
    catalog.finish(&end(new.id, 1, Status::Failed)).await.unwrap();
    let found = catalog.get(new.id).await.unwrap().unwrap();
    let expected = Video {
        status: Status::Failed,
        error: Some(failure()),
        warnings: warnings(),
        updated_at: found.updated_at,
        ..new
    };
    assert_eq!(found, expected);
}

async fn every_kind_of_source_comes_back(place: Place) {
    let catalog = place.open().await;
    for source in [
        Source::Url { url: "http://example.org/".into() },
        Source::File { path: "/a b/ü.mp4".into() },
        Source::Object { bucket: "videos".into(), key: "in/a.mp4".into() },
        Source::Upload { upload: UploadId(Uuid::now_v7()), file_name: "ü.mp4".into() },
    ] {
        let mut new = new_video();
        new.source = source.clone();
        let video = catalog.insert(new).await.unwrap().into_video();
        assert_eq!(catalog.get(video.id).await.unwrap().unwrap().source, source);
    }
}

async fn adding_twice_changes_nothing(place: Place) {
    let catalog = place.open().await;
    let new = new_video();
    catalog.insert(new.clone()).await.unwrap();
    catalog.begin(new.id, 1).await.unwrap();
    let before = catalog.get(new.id).await.unwrap().unwrap();
    let mut other = new;
    other.tenant = "other".into();
    other.metadata = json!({});
    let again = catalog.insert(other).await.unwrap();
    assert_eq!(again, Inserted::AlreadyThere(before.clone()));
    assert_eq!(catalog.get(before.id).await.unwrap(), Some(before));
}

async fn of_many_who_add_one_video_one_does(place: Place) {
    let new = new_video();
    let mut adding = JoinSet::new();
    for _ in 0..16 {
        let (catalog, new) = (place.open().await, new.clone());
        adding.spawn(async move { catalog.insert(new).await.unwrap() });
    }
    let answers = adding.join_all().await;
    let added = answers.iter().filter(|answer| matches!(answer, Inserted::Inserted(_))).count();
    assert_eq!(added, 1);
    let found = place.open().await.get(new.id).await.unwrap().unwrap();
    assert!(answers.into_iter().all(|answer| answer.into_video() == found));
}

async fn an_unknown_video_is_not_there(place: Place) {
    let catalog = place.open().await;
    catalog.insert(new_video()).await.unwrap();
    let unknown = VideoId(Uuid::now_v7());
    assert_eq!(catalog.get(unknown).await.unwrap(), None);
    let begun = catalog.begin(unknown, 1).await;
    assert!(matches!(begun, Err(Error::NotFound { video }) if video == unknown));
    let ended = catalog.finish(&end(unknown, 1, Status::Ready)).await;
    assert!(matches!(ended, Err(Error::NotFound { video }) if video == unknown));
}

async fn a_damaged_column_is_named(place: Place) {
    let catalog = place.open().await;
    let columns = [
        ("status", "'asleep'"),
        ("attempt", "-1"),
        ("source", "'{}'"),
        ("options", "'{\"preset\": 1}'"),
        ("metadata", "'{'"),
        ("summary", "'[]'"),
        ("outputs", "''"),
        ("warnings", "'null'"),
        ("removal", "'perhaps'"),
        ("error", "'{\"code\": \"bad_luck\"}'"),
    ];
    for (name, value) in columns {
        place.execute("DELETE FROM videos").await;
        let video = catalog.insert(new_video()).await.unwrap().into_video();
        place.execute(&format!("UPDATE videos SET {name} = {value}")).await;
        let Err(error) = catalog.get(video.id).await else { panic!("{name} was read") };
        let Error::Corrupt { video: damaged, column, .. } = &error else { panic!("{error}") };
        assert_eq!((*damaged, *column), (video.id, name));
        assert!(!error.is_transient());
    }
}

async fn a_deleted_video_and_its_keys_are_gone(place: Place) {
    let catalog = place.open().await;
    let key = catalog::IdempotencyKey { key: "k".into(), fingerprint: "f".into() };
    let other = catalog.insert(new_video()).await.unwrap().into_video();
    let catalog::Keyed::Video(video) = catalog.insert_once(new_video(), key.clone()).await.unwrap()
    else {
        panic!("taken")
    };
    let video = video.into_video();
    for _ in 0..2 {
        catalog.delete(video.id).await.unwrap();
        assert_eq!(catalog.get(video.id).await.unwrap(), None);
    }
    assert_eq!(catalog.get(other.id).await.unwrap(), Some(other));
    let again = catalog.insert_once(new_video(), key).await.unwrap();
    assert!(
        matches!(again, catalog::Keyed::Video(found) if matches!(*found, Inserted::Inserted(_)))
    );
}
