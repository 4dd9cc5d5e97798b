//! The secrets that sign: made once, sealed, and replaced with an overlap.

use std::{collections::BTreeSet, time::Duration};

use tokio::task::JoinSet;

use crate::{on_both, place::Place};

on_both!(
    the_first_use_makes_one_secret,
    a_rotation_puts_the_new_one_first_and_lets_the_old_one_end,
    tenants_have_their_own,
);

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
