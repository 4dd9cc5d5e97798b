//! API keys: what is kept of them, who is found by them, and how many videos they may have.

use std::sync::Arc;

use catalog::{ApiKey, Catalog, Error, IdempotencyKey, Inserted, Keyed, NewApiKey, NewVideo};
use contract::{ApiKeyId, Status, VideoId};
use sea_orm::{ConnectionTrait as _, Statement};
use tokio::{sync::Barrier, task::JoinSet};
use uuid::Uuid;

use crate::{
    on_both,
    place::Place,
    records::{end, new_video},
};

on_both!(
    a_key_is_found_by_its_text_until_it_is_revoked,
    the_text_of_a_key_is_kept_nowhere,
    a_quota_counts_what_has_not_ended,
    a_retry_counts_like_a_new_video,
    a_request_sent_again_is_not_refused,
    racing_requests_do_not_pass_the_quota,
);

fn new_key(videos_max: Option<u32>) -> NewApiKey {
    NewApiKey {
        name: "shop".into(),
        tenant: "acme".into(),
        requests_per_minute: Some(60),
        videos_max,
    }
}

async fn key(catalog: &Catalog, videos_max: u32) -> ApiKeyId {
    catalog.create_api_key(new_key(Some(videos_max))).await.unwrap().0.id
}

fn video_of(key: ApiKeyId) -> NewVideo {
    NewVideo { api_key: Some(key), ..new_video() }
}

fn refused<T>(answer: Result<T, Error>, by: ApiKeyId, limit: u32) -> bool {
    answer.is_err_and(|error| {
        matches!(error, Error::QuotaExceeded { key, videos_max } if (key, videos_max) == (by, limit))
    })
}

async fn a_key_is_found_by_its_text_until_it_is_revoked(place: Place) {
    let catalog = place.open().await;
    assert!(catalog.usable_api_keys().await.unwrap().is_empty());
    let (shop, shop_text) = catalog.create_api_key(new_key(Some(2))).await.unwrap();
    let (other, other_text) = catalog.create_api_key(new_key(None)).await.unwrap();
    let usable = catalog.usable_api_keys().await.unwrap();
    assert_eq!(usable.find(shop_text.expose()), Some(&shop));
    assert_eq!(usable.find(other_text.expose()), Some(&other));
    assert_eq!((shop.videos_max, other.videos_max), (Some(2), None));
    for text in ["", "mr_", &shop_text.expose()[1..], &format!("{} ", shop_text.expose())] {
        assert_eq!(usable.find(text), None, "{text:?}");
    }

    let revoked = catalog.revoke_api_key(shop.id).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(catalog.revoke_api_key(shop.id).await.unwrap().unwrap(), revoked);
    assert_eq!(catalog.revoke_api_key(ApiKeyId(Uuid::now_v7())).await.unwrap(), None);
    let usable = catalog.usable_api_keys().await.unwrap();
    assert_eq!(usable.find(shop_text.expose()), None);
    assert_eq!(usable.find(other_text.expose()), Some(&other));
    let all: Vec<ApiKey> = catalog.api_keys().await.unwrap();
    assert_eq!(all, [revoked, other]);
}

async fn the_text_of_a_key_is_kept_nowhere(place: Place) {
    let catalog = place.open().await;
    let (key, text) = catalog.create_api_key(new_key(None)).await.unwrap();
    let raw = place.raw().await;
    let asked = Statement::from_string(raw.get_database_backend(), "SELECT digest FROM api_keys");
    let digest: String = raw.query_one_raw(asked).await.unwrap().unwrap().try_get_by(0).unwrap();
    assert_eq!(digest.len(), 64);
    assert!(!format!("{key:?} {digest}").contains(&text.expose()[3..]));
}

async fn a_quota_counts_what_has_not_ended(place: Place) {
    let catalog = place.open().await;
    let key = key(&catalog, 3).await;
    let uploading = NewVideo { status: Status::Uploading, ..video_of(key) };
    catalog.insert(uploading).await.unwrap();
    let begun = catalog.insert(video_of(key)).await.unwrap().into_video();
    catalog.begin(begun.id, 1).await.unwrap();
    let waiting = catalog.insert(video_of(key)).await.unwrap().into_video();
    let fourth = video_of(key);
    assert!(refused(catalog.insert(fourth.clone()).await, key, 3));
    assert_eq!(catalog.get(fourth.id).await.unwrap(), None);
    assert_eq!(catalog.jobs(fourth.id).await.unwrap(), []);
    // Neither other keys nor callers without one are meant.
    catalog.insert(new_video()).await.unwrap();
    catalog.insert(NewVideo { api_key: None, ..new_video() }).await.unwrap();
    for (ended, how) in [(begun, Status::Ready), (waiting, Status::Cancelled)] {
        catalog.finish(&end(ended.id, 1, how)).await.unwrap();
        catalog.insert(video_of(key)).await.unwrap();
        assert!(refused(catalog.insert(video_of(key)).await, key, 3), "{how}");
    }
}

async fn failed(catalog: &Catalog, key: ApiKeyId) -> VideoId {
    let video = catalog.insert(video_of(key)).await.unwrap().into_video().id;
    catalog.finish(&end(video, 1, Status::Failed)).await.unwrap();
    video
}

async fn a_retry_counts_like_a_new_video(place: Place) {
    let catalog = place.open().await;
    let key = key(&catalog, 1).await;
    let (first, second) = (failed(&catalog, key).await, failed(&catalog, key).await);
    catalog.retry(first, 9).await.unwrap();
    let before = catalog.get(second).await.unwrap();
    assert!(refused(catalog.retry(second, 9).await, key, 1));
    assert_eq!(catalog.get(second).await.unwrap(), before);
    assert_eq!(catalog.jobs(second).await.unwrap().len(), 1);
    assert!(refused(catalog.insert(video_of(key)).await, key, 1));
}

async fn a_request_sent_again_is_not_refused(place: Place) {
    let catalog = place.open().await;
    let key = key(&catalog, 1).await;
    let by = |name: &str| IdempotencyKey { key: name.into(), fingerprint: "a".into() };
    let first = catalog.insert_once(video_of(key), by("one")).await.unwrap();
    let Keyed::Video(first) = first else { panic!("taken") };
    let first = first.into_video();
    let again = catalog.insert_once(video_of(key), by("one")).await.unwrap();
    assert_eq!(again, Keyed::Video(Box::new(Inserted::AlreadyThere(first.clone()))));
    let again = NewVideo { id: first.id, ..video_of(key) };
    assert_eq!(catalog.insert(again).await.unwrap(), Inserted::AlreadyThere(first.clone()));
    // What was refused has not taken its key.
    assert!(refused(catalog.insert_once(video_of(key), by("two")).await, key, 1));
    catalog.finish(&end(first.id, 1, Status::Cancelled)).await.unwrap();
    let second = catalog.insert_once(video_of(key), by("two")).await.unwrap();
    assert!(matches!(second, Keyed::Video(added) if matches!(*added, Inserted::Inserted(_))));
}

async fn racing_requests_do_not_pass_the_quota(place: Place) {
    // Later rounds find every connection open, and race for real.
    let handles = [place.open().await, place.open().await, place.open().await, place.open().await];
    for round in 0..8 {
        race(&handles, round).await;
    }
}

async fn race(handles: &[Catalog; 4], round: usize) {
    const RACERS: usize = 16;
    let key = key(&handles[0], 2).await;
    let again = failed(&handles[0], key).await;
    let start = Arc::new(Barrier::new(RACERS));
    let mut racers = JoinSet::new();
    for n in 0..RACERS {
        let (catalog, start) = (handles[n % 4].clone(), Arc::clone(&start));
        racers.spawn(async move {
            start.wait().await;
            match n {
                0 => catalog.retry(again, 9).await.map(drop),
                1..8 => {
                    let by =
                        IdempotencyKey { key: format!("{round}-{n}"), fingerprint: "a".into() };
                    catalog.insert_once(video_of(key), by).await.map(drop)
                }
                _ => catalog.insert(video_of(key)).await.map(drop),
            }
        });
    }
    let answers = racers.join_all().await;
    let (passed, rest): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(passed.len(), 2, "{rest:?}");
    assert!(rest.into_iter().all(|answer| refused(answer, key, 2)));
}
