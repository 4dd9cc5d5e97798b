//! Counting by status: every status is told, also those that no video has.

use contract::Status;

use crate::{on_both, place::Place, records::new_video};

on_both!(every_status_is_counted);

async fn every_status_is_counted(place: Place) {
    let catalog = place.open().await;
    let none = catalog.count_by_status().await.unwrap();
    assert_eq!(none, Status::ALL.map(|status| (status, 0)));
    for _ in 0..2 {
        catalog.insert(new_video()).await.unwrap();
    }
    let begun = catalog.insert(new_video()).await.unwrap().into_video();
    catalog.begin(begun.id, 1).await.unwrap();
    let counts = catalog.count_by_status().await.unwrap();
    for (status, videos) in counts {
        let expected = match status {
            Status::Uploaded => 2,
            Status::Transcoding => 1,
            _ => 0,
        };
        assert_eq!(videos, expected, "{status}");
    }
}
