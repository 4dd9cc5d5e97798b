//! A row that cannot be read is named in its list, and hides no other.

use catalog::{
    Catalog, DeliveryFilter, Error, Filter, NewApiKey, NewUpload, UploadWay, Vault, VaultError,
};
use contract::{DeliveryId, Status, UploadId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    on_both,
    place::Place,
    records::{end, new_video},
};

on_both!(
    whatever_is_wrong_with_a_video_the_others_are_listed,
    pages_go_on_behind_a_video_that_cannot_be_read,
    messages_uploads_and_keys_are_read_one_by_one,
    a_secret_that_cannot_be_read_does_not_stop_the_others,
);

/// Names a row in a condition.
fn is(place: &Place, id: Uuid) -> String {
    let text = id.simple().to_string();
    if place.url.starts_with("sqlite") {
        format!("hex(id) = upper('{text}')")
    } else {
        format!("id = '{text}'")
    }
}

/// Damages that one of the databases or both let somebody do.
fn damages(place: &Place) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![
        ("status", "'asleep'"),
        ("attempt", "-1"),
        ("source", "'{}'"),
        ("options", "'{\"preset\": 1}'"),
        ("metadata", "'{'"),
        ("summary", "'[]'"),
        ("outputs", "''"),
        ("warnings", "'null'"),
        ("error", "'{\"code\": \"bad_luck\"}'"),
        ("private", "'never sealed'"),
        ("export", "'1'"),
        ("removal", "'perhaps'"),
    ];
    if place.url.starts_with("sqlite") {
        all.extend([("created_at", "'yesterday'"), ("updated_at", "''"), ("upload", "x'00'")]);
    }
    all
}

async fn whatever_is_wrong_with_a_video_the_others_are_listed(place: Place) {
    let catalog = place.open().await;
    for (column, value) in damages(&place) {
        place.execute("DELETE FROM videos").await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(catalog.insert(new_video()).await.unwrap().into_video().id);
        }
        let bad = is(&place, ids[1].0);
        place.execute(&format!("UPDATE videos SET {column} = {value} WHERE {bad}")).await;
        let page = catalog.list(Filter::default(), 9, None).await.unwrap();
        let read: Vec<_> = page.videos.iter().map(|video| video.id).collect();
        assert_eq!(read, [ids[2], ids[0]], "{column}");
        let [row] = &page.unreadable[..] else { panic!("{column}: {page:?}") };
        assert_eq!(row.id, ids[1].0, "{column}");
        assert!(!row.reason.is_empty(), "{column}");
        let expected = (column != "status").then_some(Status::Uploaded);
        assert_eq!(row.status, expected, "{column}");
        let page = catalog.numbered_page(Filter::default(), 1, 9).await.unwrap();
        assert_eq!((page.videos.len(), page.unreadable.len(), page.total), (2, 1, 3), "{column}");
    }
}

async fn pages_go_on_behind_a_video_that_cannot_be_read(place: Place) {
    let catalog = place.open().await;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(catalog.insert(new_video()).await.unwrap().into_video().id);
    }
    for bad in [0, 2, 3, 6] {
        let bad = is(&place, ids[bad].0);
        place.execute(&format!("UPDATE videos SET options = '' WHERE {bad}")).await;
    }
    for size in 1..=8 {
        let (mut read, mut unreadable, mut after) = (Vec::new(), 0, None);
        loop {
            let page = catalog.list(Filter::default(), size, after).await.unwrap();
            read.extend(page.videos.iter().map(|video| video.id));
            unreadable += page.unreadable.len();
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        assert_eq!((read, unreadable), (vec![ids[5], ids[4], ids[1]], 4), "pages of {size}");
    }
}

async fn upload(catalog: &Catalog) -> UploadId {
    let new = NewUpload {
        id: UploadId(Uuid::now_v7()),
        tenant: "acme".into(),
        way: UploadWay::Tus,
        file_name: "a.mp4".into(),
        bytes: 1,
        metadata: None,
    };
    catalog.add_upload(new).await.unwrap().id
}

async fn messages_uploads_and_keys_are_read_one_by_one(place: Place) {
    let catalog = place.open().await;
    let mut messages = Vec::new();
    let mut uploads = Vec::new();
    let mut keys = Vec::new();
    for n in 0..3 {
        let video = catalog.insert(new_video()).await.unwrap().into_video().id;
        let finished = catalog.finish(&end(video, 1, Status::Failed)).await.unwrap();
        messages.push(finished.delivery.unwrap());
        uploads.push(upload(&catalog).await);
        let new = NewApiKey {
            name: format!("key {n}"),
            tenant: "acme".into(),
            requests_per_minute: None,
            videos_max: None,
        };
        keys.push(catalog.create_api_key(new).await.unwrap());
    }
    for (column, value) in [("event", "'?'"), ("webhook", "'?'"), ("content", "'?'")] {
        let bad = is(&place, messages[1].0);
        place.execute(&format!("UPDATE deliveries SET {column} = {value} WHERE {bad}")).await;
        let page = catalog.deliveries(DeliveryFilter::default(), 9, None).await.unwrap();
        let read: Vec<DeliveryId> = page.deliveries.iter().map(|message| message.id).collect();
        assert_eq!(read, [messages[2], messages[0]], "{column}");
        assert_eq!(page.unreadable[0].id, messages[1].0, "{column}");
    }
    // To be sent, or given up by those who send it, it is found all the same.
    let now = OffsetDateTime::now_utc() + time::Duration::minutes(1);
    let pending = catalog.pending_deliveries(now, None).await.unwrap();
    assert_eq!(pending.iter().map(|it| it.delivery).collect::<Vec<_>>(), messages);
    let rest = catalog.pending_deliveries(now, Some(messages[1])).await.unwrap();
    assert_eq!(rest.len(), 1);
    let bad = is(&place, uploads[1].0);
    place.execute(&format!("UPDATE uploads SET way = 'pigeon' WHERE {bad}")).await;
    for found in
        [catalog.open_uploads(None).await.unwrap(), catalog.abandoned_uploads(now).await.unwrap()]
    {
        let found: Vec<_> = found.iter().map(|upload| upload.id).collect();
        assert_eq!(found, [uploads[0], uploads[2]]);
    }
    if place.url.starts_with("sqlite") {
        let bad = is(&place, keys[1].0.id.0);
        place.execute(&format!("UPDATE api_keys SET created_at = 'once' WHERE {bad}")).await;
        assert_eq!(catalog.api_keys().await.unwrap().len(), 2);
        let usable = catalog.usable_api_keys().await.unwrap();
        let known = |n: usize| usable.find(keys[n].1.expose()).is_some();
        assert_eq!([known(0), known(1), known(2)], [true, false, true]);
    }
}

async fn a_secret_that_cannot_be_read_does_not_stop_the_others(place: Place) {
    let catalog = place.open().await;
    let overlap = std::time::Duration::from_mins(1);
    let old = catalog.signing_secrets("acme").await.unwrap();
    let both = catalog.rotate_signing_secret("acme", overlap).await.unwrap();
    assert_eq!(both.len(), 2);
    let newest = "id = (SELECT id FROM signing_secrets ORDER BY id DESC LIMIT 1)";
    place.execute(&format!("UPDATE signing_secrets SET secret = '?' WHERE {newest}")).await;
    let left = catalog.signing_secrets("acme").await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].secret, old[0].secret);
    // With another key nothing can be read: no new secret takes their place unseen.
    let stranger = Catalog::open(&place.url, Vault::ephemeral().unwrap()).await.unwrap();
    let refused = stranger.signing_secrets("acme").await;
    assert!(matches!(refused, Err(Error::Vault(VaultError::Sealed))), "{refused:?}");
    assert_eq!(catalog.signing_secrets("acme").await.unwrap().len(), 1);
}
