//! One process at a time has the turn, and it passes on.

use std::time::{Duration, Instant};

use fixtures::postgres::Server;
use sea_orm::ConnectionTrait as _;

use crate::{
    place::{Place, open},
    records::new_video,
};

#[tokio::test(flavor = "multi_thread")]
async fn one_process_on_a_server_has_the_turn_until_its_connection_ends() {
    let Some(server) = Server::start() else { return };
    let place = Place::postgres(&server);
    let (one, other) = (place.open().await, open(&place.url).await.unwrap());
    let mut turn = one.take_turn().await.unwrap().unwrap();
    assert!(turn.is_held().await);
    assert!(other.take_turn().await.unwrap().is_none());
    assert!(one.take_turn().await.unwrap().is_none(), "it is not taken twice either");
    // Another database is another service.
    let elsewhere = Place::postgres(&server).open().await;
    assert!(elsewhere.take_turn().await.unwrap().is_some());

    drop(turn);
    let mut turn = until_taken(&other).await;
    assert!(turn.is_held().await);
    // As after a machine that is gone.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND \
               database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    place.raw().await.execute_unprepared(end).await.unwrap();
    let _turn = until_taken(&one).await;
    assert!(!turn.is_held().await);
}

/// The server notices the end of a connection a moment later.
async fn until_taken(catalog: &catalog::Catalog) -> catalog::Turn {
    let give_up = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(turn) = catalog.take_turn().await.unwrap() {
            return turn;
        }
        assert!(Instant::now() < give_up, "nobody gave it back");
    }
}

#[tokio::test]
async fn on_sqlite_one_part_of_a_process_has_it() {
    let place = Place::sqlite();
    let catalog = place.open().await;
    let mut turn = catalog.clone().take_turn().await.unwrap().unwrap();
    assert!(turn.is_held().await);
    assert!(catalog.take_turn().await.unwrap().is_none());
    drop(turn);
    assert!(catalog.take_turn().await.unwrap().is_some());
}

#[tokio::test]
async fn a_catalogue_that_is_not_opened_refuses_everything() {
    let catalog = catalog::Catalog::absent().await.unwrap();
    let error = catalog.check().await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    let order = contract::deletion::Input { video: new_video().id, mac: None };
    let ours = Place::sqlite().open().await.vouch(order).unwrap();
    assert!(!catalog.vouches_for(&ours));
}
