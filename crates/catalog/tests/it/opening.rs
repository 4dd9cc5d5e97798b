//! Opening: new and old databases, many at once, and the ones that cannot be used.

use std::{cmp::Reverse, error::Error as _, pin::pin, sync::Arc, time::Duration};

use catalog::{Error, Video, sqlite_url};
use fixtures::postgres::Server;
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    on_both,
    place::{Place, open, raw},
    records::new_video,
};

on_both!(
    opening_again_keeps_everything,
    many_open_a_new_database_at_once,
    many_open_an_old_database_at_once,
    a_database_of_a_newer_release_is_refused,
    a_missing_table_is_noticed,
);

async fn opening_again_keeps_everything(place: Place) {
    let video = place.open().await.insert(new_video()).await.unwrap().into_video();
    for _ in 0..2 {
        let catalog = place.open().await;
        catalog.check().await.unwrap();
        assert_eq!(catalog.get(video.id).await.unwrap(), Some(video.clone()));
    }
}

async fn many_open_a_new_database_at_once(place: Place) {
    let added = open_and_add_at_once(&place).await;
    let listed = place.open().await.list(catalog::Filter::default(), 100, None).await.unwrap();
    assert_eq!(listed.videos, added);
}

/// An old database differs in that its list of migrations is there to be read before the first
/// write.
async fn many_open_an_old_database_at_once(place: Place) {
    place.open().await;
    for table in [
        "videos",
        "idempotency_keys",
        "jobs",
        "api_keys",
        "signing_secrets",
        "deliveries",
        "delivery_attempts",
        "uploads",
    ] {
        place.execute(&format!("DROP TABLE {table}")).await;
    }
    place.execute("DELETE FROM seaql_migrations").await;
    open_and_add_at_once(&place).await;
}

/// Opens the database 16 times at once, adds a video through each, and answers them newest first.
async fn open_and_add_at_once(place: &Place) -> Vec<Video> {
    let start = Arc::new(Barrier::new(16));
    let mut opening = JoinSet::new();
    for _ in 0..16 {
        let (url, start) = (place.url.clone(), start.clone());
        opening.spawn(async move {
            start.wait().await;
            let catalog = open(&url).await.unwrap();
            catalog.insert(new_video()).await.unwrap().into_video()
        });
    }
    let mut added = opening.join_all().await;
    added.sort_by_key(|video| Reverse(video.id));
    added
}

async fn a_database_of_a_newer_release_is_refused(place: Place) {
    place.open().await;
    place
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('9999_new', 0)")
        .await;
    let refused = open(&place.url).await;
    let Err(error) = refused else { panic!("it was opened") };
    assert!(matches!(error, Error::Migration { .. }) && !error.is_transient(), "{error:?}");
}

async fn a_missing_table_is_noticed(place: Place) {
    let catalog = place.open().await;
    place.execute("DROP TABLE videos").await;
    let Err(error) = catalog.check().await else { panic!("it was not noticed") };
    assert!(matches!(error, Error::Refused { .. }) && !error.is_transient(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_unavailable_and_not_refused() {
    let Some(server) = Server::start() else { return };
    let url = server.create_database();
    let catalog = open(&url).await.unwrap();
    drop(server);
    for answer in [catalog.check().await, open(&url).await.map(drop)] {
        let Err(error) = answer else { panic!("it answered") };
        assert!(error.is_transient(), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_keeps_a_write_ahead_log() {
    let place = Place::sqlite();
    place.open().await;
    let raw = place.raw().await;
    let ask = Statement::from_string(raw.get_database_backend(), "PRAGMA journal_mode");
    let mode = raw.query_one_raw(ask).await.unwrap().unwrap();
    assert_eq!(mode.try_get_by_index::<String>(0).unwrap(), "wal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_that_somebody_writes_is_waited_for() {
    let place = Place::sqlite();
    let raw = raw(&format!("{}?mode=rwc", place.url)).await;
    raw.execute_unprepared("CREATE TABLE other (x)").await.unwrap();
    let writing = raw.begin().await.unwrap();
    writing.execute_unprepared("INSERT INTO other VALUES (1)").await.unwrap();
    let mut opening = pin!(open(&place.url));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut opening).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    writing.commit().await.unwrap();
    opening.await.unwrap().check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_a_missing_folder_is_an_error_and_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("missing");
    let url = sqlite_url(&inside.join("catalog.db")).unwrap();
    assert!(open(&url).await.is_err());
    assert!(!inside.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_addresses_are_named_without_their_password() {
    for url in [
        "mysql://me:hunter2@localhost/x",
        "postgres://me:hunter2@localhost:port/x",
        "postgres://me:hunter2@localhost/x?sslmode=hunter",
        "hunter2",
    ] {
        let Err(error) = open(url).await else { panic!("{url} was opened") };
        assert!(matches!(error, Error::BadUrl { .. }) && !error.is_transient(), "{url}: {error:?}");
        let (mut said, mut source) = (format!("{error} {error:?}"), error.source());
        while let Some(cause) = source {
            said = format!("{said} {cause} {cause:?}");
            source = cause.source();
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}
