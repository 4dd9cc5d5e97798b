//! Addresses that an earlier version wrote in the clear are sealed, and used as before.

use catalog::{Moved, NewVideo, Vault};
use contract::{Source, Status};
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    on_both,
    place::Place,
    records::{end, new_video},
};

on_both!(
    what_an_earlier_version_wrote_is_sealed,
    a_message_of_an_earlier_version_is_sealed,
    what_cannot_be_read_is_left,
);

const SECRET: &str = "signature-in-the-clear";

fn source() -> Source {
    Source::Url {
        url: format!("https://user:{SECRET}@example.org/a@b.mp4?token={SECRET}#{SECRET}"),
    }
}

/// Everything that a column of a table holds.
async fn texts(place: &Place, table: &str, column: &str) -> String {
    let raw = place.raw().await;
    let sql = format!("SELECT {column} FROM {table}");
    let rows = raw.query_all_raw(Statement::from_string(raw.get_database_backend(), sql)).await;
    let text = |row: sea_orm::QueryResult| row.try_get::<Option<String>>("", column).unwrap();
    rows.unwrap().into_iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

/// Writes the source of every video as an earlier version did.
async fn uncover(place: &Place) {
    let shown = serde_json::to_string(&source()).unwrap();
    place.execute(&format!("UPDATE videos SET source = '{shown}'")).await;
}

async fn what_an_earlier_version_wrote_is_sealed(place: Place) {
    let catalog = place.open().await;
    let plain = Source::Url { url: "https://example.org/a@b.mp4".to_owned() };
    let mut ids = Vec::new();
    // More than are read at a time; half of them have other secrets.
    for n in 0..210 {
        let mut new = NewVideo { source: source(), ..new_video() };
        if n % 2 == 0 {
            new.private = catalog::Private::default();
        }
        ids.push(catalog.insert(new).await.unwrap().into_video());
    }
    place.execute("UPDATE videos SET private = NULL WHERE private IS NOT NULL").await;
    uncover(&place).await;
    let other =
        catalog.insert(NewVideo { source: plain, ..new_video() }).await.unwrap().into_video();
    assert!(texts(&place, "videos", "source").await.contains(SECRET), "the control");
    assert_eq!(catalog.seal_addresses().await.unwrap(), 210);
    let (shown, sealed) =
        (texts(&place, "videos", "source").await, texts(&place, "videos", "private").await);
    assert!(!shown.contains(SECRET) && !sealed.contains(SECRET));
    assert_eq!(shown.matches("https://example.org/a@b.mp4").count(), 211, "{shown}");
    for video in [&ids[0], &ids[1], &ids[209]] {
        let found = catalog.get(video.id).await.unwrap().unwrap();
        assert_eq!((found.source, found.options), (source(), video.options.clone()));
    }
    assert_eq!(catalog.get(other.id).await.unwrap(), Some(other));
    assert_eq!(catalog.seal_addresses().await.unwrap(), 0);
}

async fn a_message_of_an_earlier_version_is_sealed(place: Place) {
    let catalog = place.open().await;
    let video =
        catalog.insert(NewVideo { source: source(), ..new_video() }).await.unwrap().into_video();
    assert_eq!(catalog.begin(video.id, 1).await.unwrap(), Moved::Moved);
    let told = catalog.finish(&end(video.id, 1, Status::Ready)).await.unwrap().delivery.unwrap();
    let shown = serde_json::to_string(&source()).unwrap();
    let redacted = serde_json::to_string(&source().redacted()).unwrap();
    let inside = |text: &str| serde_json::to_string(text).unwrap();
    let sql = format!(
        "UPDATE deliveries SET content = replace(content, '{}', '{}')",
        inside(&redacted),
        inside(&shown)
    );
    place.execute(&sql).await;
    assert!(texts(&place, "deliveries", "content").await.contains(SECRET), "the control");
    let before = catalog.delivery(told).await.unwrap().unwrap();
    assert_eq!(catalog.seal_addresses().await.unwrap(), 1);
    assert!(!texts(&place, "deliveries", "content").await.contains(SECRET));
    assert_eq!(catalog.delivery(told).await.unwrap().unwrap(), before);
}

async fn what_cannot_be_read_is_left(place: Place) {
    let catalog = place.open().await;
    catalog.insert(NewVideo { source: source(), ..new_video() }).await.unwrap();
    uncover(&place).await;
    place.execute("UPDATE videos SET options = '{\"preset\": 1}'").await;
    assert_eq!(catalog.seal_addresses().await.unwrap(), 0);
    // With a key that opens nothing of it.
    place.execute("UPDATE videos SET options = '{}', private = 'v1:AAAA'").await;
    let other = catalog::Catalog::open(&place.url, Vault::ephemeral().unwrap()).await.unwrap();
    assert_eq!(other.seal_addresses().await.unwrap(), 0);
}
