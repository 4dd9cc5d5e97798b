//! Times are compared as times, however many digits either side is written with.

use catalog::{Catalog, DeliveryFilter, Filter, NewUpload, UploadWay};
use contract::{DeliveryId, DeliveryStatus, Status, UploadId, VideoId};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    on_both,
    place::Place,
    records::{end, new_video},
};

on_both!(every_comparison_is_one_of_times, the_oldest_is_the_oldest);

/// One second in the order of time; as texts, `.` before `Z`, in another one.
const IN_ORDER: [&str; 6] = [
    "2026-01-01T12:00:00Z",
    "2026-01-01T12:00:00.000001Z",
    "2026-01-01T12:00:00.5Z",
    "2026-01-01T12:00:00.500001Z",
    "2026-01-01T12:00:00.51Z",
    "2026-01-01T12:00:01Z",
];

fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

/// Writes a time into a column of every row, as the catalogue would.
async fn set(place: &Place, table: &str, column: &str, time: &str) {
    place.execute(&format!("UPDATE {table} SET {column} = '{time}'")).await;
}

/// A failed video with a message, and an upload nobody comes for.
async fn rows(catalog: &Catalog) -> (VideoId, DeliveryId) {
    let upload = NewUpload {
        id: UploadId(Uuid::now_v7()),
        tenant: "acme".into(),
        way: UploadWay::Tus,
        file_name: "a.mp4".into(),
        bytes: 1,
        metadata: None,
    };
    catalog.add_upload(upload).await.unwrap();
    let video = catalog.insert(new_video()).await.unwrap().into_video().id;
    let finished = catalog.finish(&end(video, 1, Status::Failed)).await.unwrap();
    (video, finished.delivery.unwrap())
}

/// What each list and each sweep says of a row that holds `stored`, asked for `asked`.
async fn earlier(place: &Place, catalog: &Catalog, stored: &str, asked: &str) -> [bool; 5] {
    for (table, column) in [
        ("videos", "created_at"),
        ("videos", "updated_at"),
        ("uploads", "updated_at"),
        ("deliveries", "updated_at"),
    ] {
        set(place, table, column, stored).await;
    }
    let asked = at(asked);
    let before = Filter { created_before: Some(asked), ..Filter::default() };
    let unchanged = Filter { unchanged_since: Some(asked), ..Filter::default() };
    let messages = DeliveryFilter { unchanged_since: Some(asked), ..DeliveryFilter::default() };
    [
        !catalog.list(before, 9, None).await.unwrap().videos.is_empty(),
        !catalog.list(unchanged, 9, None).await.unwrap().videos.is_empty(),
        !catalog.deliveries(messages, 9, None).await.unwrap().deliveries.is_empty(),
        !catalog.abandoned_uploads(asked).await.unwrap().is_empty(),
        catalog.expire(asked, 9).await.unwrap() > 0,
    ]
}

async fn every_comparison_is_one_of_times(place: Place) {
    let catalog = place.open().await;
    rows(&catalog).await;
    for (n, stored) in IN_ORDER.into_iter().enumerate() {
        for (m, asked) in IN_ORDER.into_iter().enumerate() {
            place.execute("UPDATE videos SET removal = NULL").await;
            let said = earlier(&place, &catalog, stored, asked).await;
            assert_eq!(said, [n < m; 5], "{stored} before {asked}");
            let after = Filter { created_after: Some(at(asked)), ..Filter::default() };
            let found = catalog.list(after, 9, None).await.unwrap().videos;
            assert_eq!(!found.is_empty(), n > m, "{stored} after {asked}");
        }
    }
    for (n, stored) in IN_ORDER.into_iter().enumerate() {
        for (m, asked) in IN_ORDER.into_iter().enumerate() {
            place.execute("DELETE FROM deliveries").await;
            rows(&catalog).await;
            let done = format!("UPDATE deliveries SET status = '{}'", DeliveryStatus::Failed);
            place.execute(&done).await;
            set(&place, "deliveries", "updated_at", stored).await;
            let forgotten = catalog.forget_deliveries(at(asked)).await.unwrap();
            assert_eq!(forgotten, u64::from(n < m), "{stored} forgotten before {asked}");
        }
    }
}

async fn the_oldest_is_the_oldest(place: Place) {
    let catalog = place.open().await;
    let (_, first) = rows(&catalog).await;
    rows(&catalog).await;
    for pair in IN_ORDER.windows(2) {
        for (here, there) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            set(&place, "deliveries", "round_at", there).await;
            let id = first.0.simple().to_string();
            let of_first = if place.url.starts_with("sqlite") {
                format!("hex(id) = upper('{id}')")
            } else {
                format!("id = '{id}'")
            };
            let one = format!("UPDATE deliveries SET round_at = '{here}' WHERE {of_first}");
            place.execute(&one).await;
            let oldest = catalog.oldest_pending_delivery().await.unwrap();
            assert_eq!(oldest, Some(at(pair[0])), "{here} and {there}");
        }
    }
}
