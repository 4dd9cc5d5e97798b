//! The secrets that sign: made once, sealed, and replaced with an overlap.

use std::{collections::BTreeSet, time::Duration};

use catalog::{
    Catalog, Error, NewVideo, Private, Secret, Vault, VaultError, Webhook, WebhookFormat,
};
use contract::{Source, VideoId};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{on_both, place::Place};

on_both!(
    the_first_use_makes_one_secret,
    a_rotation_puts_the_new_one_first_and_lets_the_old_one_end,
    tenants_have_their_own,
    another_key_is_noticed_before_anything_needs_it,
    another_key_is_noticed_by_what_videos_keep,
);

/// A process that was given another key.
async fn other_key(place: &Place) -> Error {
    let catalog = Catalog::open(&place.url, Vault::ephemeral().unwrap()).await.unwrap();
    catalog.check_vault().await.unwrap_err()
}

async fn another_key_is_noticed_before_anything_needs_it(place: Place) {
    // The first process seals something, so that every later one can tell.
    let first = place.open().await;
    first.check_vault().await.unwrap();
    first.check_vault().await.unwrap();
    let error = other_key(&place).await;
    assert!(matches!(error, Error::Vault(VaultError::Sealed)), "{error:?}");
}

async fn another_key_is_noticed_by_what_videos_keep(place: Place) {
    // As a catalogue from before anything was sealed at the start.
    let first = place.open().await;
    let webhook = Webhook {
        url: Secret::new("http://h/"),
        secret: None,
        events: vec![],
        format: WebhookFormat::Standard,
    };
    let private = Private { webhook: Some(webhook), stores: None };
    let source = Source::Url { url: "http://h/a".into() };
    let new = NewVideo::new(VideoId(Uuid::now_v7()), "default", source);
    first.insert(NewVideo { private, ..new }).await.unwrap();
    let error = other_key(&place).await;
    assert!(matches!(error, Error::Vault(VaultError::Sealed)), "{error:?}");
    // One value that somebody damaged says nothing about the key.
    let source = Source::Url { url: "http://h/b".into() };
    let damaged = NewVideo::new(VideoId(Uuid::now_v7()), "default", source);
    let id = first.insert(damaged).await.unwrap().into_video().id;
    place.execute("UPDATE videos SET private = 'v1:x' WHERE private IS NULL").await;
    assert!(first.get(id).await.is_err());
    first.check_vault().await.unwrap();
}

async fn the_first_use_makes_one_secret(place: Place) {
    let handles = [place.open().await, place.open().await];
    let mut users = JoinSet::new();
    for n in 0..8 {
        let catalog = handles[n % 2].clone();
        users.spawn(async move { catalog.signing_secrets("acme").await.unwrap() });
    }
    let seen: Vec<_> = users.join_all().await;
    let texts: BTreeSet<_> = seen.iter().flatten().map(|it| it.secret.expose()).collect();
    assert_eq!(texts.len(), 1);
    assert!(texts.first().unwrap().starts_with("whsec_"));
    assert_eq!(seen[0][0].expires_at, None);
    assert!(!format!("{seen:?}").contains(texts.first().unwrap()));
}

async fn a_rotation_puts_the_new_one_first_and_lets_the_old_one_end(place: Place) {
    let catalog = place.open().await;
    let first = catalog.signing_secrets("acme").await.unwrap()[0].secret.clone();
    let both = catalog.rotate_signing_secret("acme", Duration::from_hours(24)).await.unwrap();
    assert_eq!((both.len(), &both[1].secret), (2, &first));
    assert_ne!(both[0].secret, first);
    let end = both[1].expires_at.unwrap();
    assert!(end > both[0].created_at + Duration::from_hours(23));
    assert_eq!(catalog.signing_secrets("acme").await.unwrap(), both);
    // A longer overlap does not call back what was to end before.
    let three = catalog.rotate_signing_secret("acme", Duration::from_hours(48)).await.unwrap();
    assert_eq!((three.len(), three[2].expires_at), (3, Some(end)));
    let at_once = catalog.rotate_signing_secret("acme", Duration::ZERO).await.unwrap();
    assert_eq!((at_once.len(), at_once[0].expires_at), (1, None));
}

async fn tenants_have_their_own(place: Place) {
    let catalog = place.open().await;
    let (acme, other) = (
        catalog.signing_secrets("acme").await.unwrap(),
        catalog.signing_secrets("b").await.unwrap(),
    );
    assert_ne!(acme[0].secret, other[0].secret);
    catalog.rotate_signing_secret("b", Duration::ZERO).await.unwrap();
    assert_eq!(catalog.signing_secrets("acme").await.unwrap(), acme);
}
