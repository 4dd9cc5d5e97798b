//! Idempotency keys: of many requests with one key, one adds a video.

use std::sync::Arc;

use catalog::{Catalog, IdempotencyKey, Inserted, Keyed};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{on_both, place::Place, records::new_video};

on_both!(
    the_same_request_finds_its_video,
    another_request_may_not_use_the_key,
    tenants_have_keys_of_their_own,
    of_many_racing_requests_one_adds_a_video,
    a_key_is_forgotten_after_two_weeks_and_not_after_one,
);

fn key(fingerprint: &str) -> IdempotencyKey {
    IdempotencyKey { key: "k-1".into(), fingerprint: fingerprint.into() }
}

async fn added(catalog: &Catalog, fingerprint: &str) -> Inserted {
    match catalog.insert_once(new_video(), key(fingerprint)).await.unwrap() {
        Keyed::Video(inserted) => *inserted,
        Keyed::Taken => panic!("taken"),
    }
}

async fn the_same_request_finds_its_video(place: Place) {
    let catalog = place.open().await;
    let first = added(&catalog, "a").await;
    assert!(matches!(first, Inserted::Inserted(_)));
    let first = first.into_video();
    catalog.begin(first.id, 1).await.unwrap();
    let Inserted::AlreadyThere(second) = added(&catalog, "a").await else { panic!("added twice") };
    assert_eq!(second.id, first.id);
    assert_eq!(Some(second), catalog.get(first.id).await.unwrap(), "as it stands now");
}

async fn another_request_may_not_use_the_key(place: Place) {
    let catalog = place.open().await;
    added(&catalog, "a").await;
    let taken = catalog.insert_once(new_video(), key("b")).await.unwrap();
    assert_eq!(taken, Keyed::Taken);
    assert_eq!(catalog.list(catalog::Filter::default(), 10, None).await.unwrap().videos.len(), 1);
}

async fn tenants_have_keys_of_their_own(place: Place) {
    let catalog = place.open().await;
    added(&catalog, "a").await;
    let other = catalog::NewVideo { tenant: "other".into(), ..new_video() };
    let inserted = catalog.insert_once(other, key("b")).await.unwrap();
    assert!(matches!(inserted, Keyed::Video(found) if matches!(*found, Inserted::Inserted(_))));
}

async fn of_many_racing_requests_one_adds_a_video(place: Place) {
    const RACERS: usize = 16;
    let (catalog, start) = (place.open().await, Arc::new(Barrier::new(RACERS)));
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let (catalog, start) = (catalog.clone(), Arc::clone(&start));
        racers.spawn(async move {
            start.wait().await;
            added(&catalog, "a").await
        });
    }
    let all = racers.join_all().await;
    let adders = all.iter().filter(|answer| matches!(answer, Inserted::Inserted(_))).count();
    assert_eq!(adders, 1);
    let ids: std::collections::BTreeSet<_> =
        all.into_iter().map(|answer| answer.into_video().id).collect();
    assert_eq!(ids.len(), 1);
}

async fn a_key_is_forgotten_after_two_weeks_and_not_after_one(place: Place) {
    let catalog = place.open().await;
    let first = added(&catalog, "a").await.into_video();
    // As texts, both databases order these times by their beginning.
    for (days, kept) in [(8, true), (15, false)] {
        let then = time::OffsetDateTime::now_utc() - time::Duration::days(days);
        let then = then.format(&time::format_description::well_known::Rfc3339).unwrap();
        place.execute(&format!("UPDATE idempotency_keys SET created_at = '{then}'")).await;
        let again = added(&catalog, "a").await;
        assert_eq!(again.into_video().id == first.id, kept, "after {days} days");
    }
}
