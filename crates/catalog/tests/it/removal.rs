//! What is removed of a video: marked once, never of a video that runs, and never behind a retry.

use std::{sync::Arc, time::Duration};

use catalog::{Catalog, Claim, Moved, Removal};
use contract::{Status, VideoId};
use time::OffsetDateTime;
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    on_both,
    place::Place,
    records::{end, new_video},
};

on_both!(
    only_a_video_that_has_ended_is_claimed,
    of_a_retry_and_a_claim_one_wins,
    of_a_retry_and_an_expiry_one_wins,
    a_video_that_is_to_be_deleted_is_not_tried_again,
    failed_and_cancelled_videos_expire_when_their_time_is_over,
    expiring_is_bounded,
    a_deletion_outranks_an_expiry,
);

/// Pairs that race in one test.
const PAIRS: usize = 60;

async fn video_at(place: &Place, catalog: &Catalog, status: Status) -> VideoId {
    let video = catalog.insert(new_video()).await.unwrap().into_video().id;
    let set = format!("UPDATE videos SET status = '{status}' WHERE status = 'uploaded'");
    place.execute(&set).await;
    video
}

async fn failed(catalog: &Catalog) -> VideoId {
    let video = catalog.insert(new_video()).await.unwrap().into_video().id;
    catalog.finish(&end(video, 1, Status::Failed)).await.unwrap();
    video
}

async fn removal(catalog: &Catalog, video: VideoId) -> Option<Removal> {
    catalog.get(video).await.unwrap().unwrap().removal
}

async fn only_a_video_that_has_ended_is_claimed(place: Place) {
    let catalog = place.open().await;
    for status in Status::ALL {
        let video = video_at(&place, &catalog, status).await;
        let ended = matches!(status, Status::Ready | Status::Failed | Status::Cancelled);
        let expected = if ended {
            (Claim::Granted(Removal::Video), Some(Removal::Video))
        } else {
            (Claim::StillRunning(status), None)
        };
        for _ in 0..2 {
            assert_eq!(catalog.claim_removal(video).await.unwrap(), expected.0, "{status}");
            assert_eq!(removal(&catalog, video).await, expected.1, "{status}");
        }
        catalog.delete(video).await.unwrap();
        assert_eq!(catalog.claim_removal(video).await.unwrap(), Claim::Gone);
    }
}

/// How a removal begins.
#[derive(Clone, Copy, Debug)]
enum By {
    Claim,
    Expiry,
}

impl By {
    /// Begins it; says whether the video's objects may go.
    async fn begin(self, catalog: &Catalog, video: VideoId) -> bool {
        match self {
            Self::Claim => {
                matches!(catalog.claim_removal(video).await.unwrap(), Claim::Granted(_))
            }
            Self::Expiry => catalog.expire(OffsetDateTime::now_utc(), 1000).await.unwrap() > 0,
        }
    }
}

/// Lets a retry of a failed video and its removal race, again and again.
async fn race(place: &Place, by: By) {
    let handles = [place.open().await, place.open().await];
    for _ in 0..PAIRS {
        let video = failed(&handles[0]).await;
        let start = Arc::new(Barrier::new(2));
        let mut racers = JoinSet::new();
        let [one, other] = handles.clone();
        let (here, there) = (Arc::clone(&start), start);
        racers.spawn(async move {
            here.wait().await;
            one.retry(video, 2).await.unwrap() == Moved::Moved
        });
        racers.spawn(async move {
            there.wait().await;
            !by.begin(&other, video).await
        });
        // True from both: the retry moved it, and the removal was not granted.
        let answers = racers.join_all().await;
        let row = handles[1].get(video).await.unwrap().unwrap();
        assert_eq!(answers[0], answers[1], "both won or both lost: {row:?}");
        if answers[0] {
            assert_eq!((row.status, row.removal), (Status::Uploaded, None));
        } else {
            assert_eq!((row.status, row.attempt), (Status::Failed, 1));
            assert!(row.removal.is_some());
            assert_eq!(handles[0].retry(video, 2).await.unwrap(), {
                Moved::Refused { status: Status::Failed, attempt: 1 }
            });
        }
        handles[0].delete(video).await.unwrap();
    }
}

async fn of_a_retry_and_a_claim_one_wins(place: Place) {
    race(&place, By::Claim).await;
}

async fn of_a_retry_and_an_expiry_one_wins(place: Place) {
    race(&place, By::Expiry).await;
}

async fn a_video_that_is_to_be_deleted_is_not_tried_again(place: Place) {
    let catalog = place.open().await;
    let video = failed(&catalog).await;
    for _ in 0..2 {
        assert!(catalog.ask_removal(video).await.unwrap());
    }
    let refused = Moved::Refused { status: Status::Failed, attempt: 1 };
    assert_eq!(catalog.retry(video, 2).await.unwrap(), refused);
    // Asked for while it runs, it ends first, and stays ended.
    let running = catalog.insert(new_video()).await.unwrap().into_video().id;
    assert!(catalog.ask_removal(running).await.unwrap());
    let still = Claim::StillRunning(Status::Uploaded);
    assert_eq!(catalog.claim_removal(running).await.unwrap(), still);
    catalog.finish(&end(running, 1, Status::Cancelled)).await.unwrap();
    let refused = Moved::Refused { status: Status::Cancelled, attempt: 1 };
    assert_eq!(catalog.retry(running, 2).await.unwrap(), refused);
    assert_eq!(catalog.claim_removal(running).await.unwrap(), Claim::Granted(Removal::Video));
    let removing = catalog.removing(None).await.unwrap();
    let found: Vec<_> = removing.iter().map(|it| (it.id, it.ended)).collect();
    assert_eq!(found, [(video, true), (running, true)]);
    assert_eq!(catalog.removing(Some(video)).await.unwrap().len(), 1);
    catalog.delete(running).await.unwrap();
    assert!(!catalog.ask_removal(running).await.unwrap());
}

async fn failed_and_cancelled_videos_expire_when_their_time_is_over(place: Place) {
    let catalog = place.open().await;
    for status in Status::ALL {
        place.execute("DELETE FROM videos").await;
        let video = video_at(&place, &catalog, status).await;
        let ended = catalog.get(video).await.unwrap().unwrap();
        assert_eq!(catalog.expire(ended.updated_at, 9).await.unwrap(), 0, "{status}: too early");
        let after = ended.updated_at + Duration::from_micros(1);
        let expires = matches!(status, Status::Failed | Status::Cancelled);
        let marked = catalog.expire(after, 9).await.unwrap();
        assert_eq!(marked, u64::from(expires), "{status}");
        assert_eq!(catalog.expire(after, 9).await.unwrap(), 0, "{status}: marked twice");
        let expected = expires.then_some(Removal::Files);
        let row = catalog.get(video).await.unwrap().unwrap();
        assert_eq!((row.removal, row.updated_at), (expected, ended.updated_at), "{status}");
        assert_eq!(catalog.files_removed(video).await.unwrap(), expires, "{status}");
        assert_eq!(catalog.removing(None).await.unwrap(), [], "{status}");
        let expected = expires.then_some(Removal::Expired);
        assert_eq!(removal(&catalog, video).await, expected, "{status}");
    }
}

async fn expiring_is_bounded(place: Place) {
    let catalog = place.open().await;
    for _ in 0..5 {
        failed(&catalog).await;
    }
    let now = OffsetDateTime::now_utc() + Duration::from_secs(1);
    for expected in [2, 2, 1, 0] {
        assert_eq!(catalog.expire(now, 2).await.unwrap(), expected);
    }
}

async fn a_deletion_outranks_an_expiry(place: Place) {
    let catalog = place.open().await;
    let video = failed(&catalog).await;
    let now = OffsetDateTime::now_utc() + Duration::from_secs(1);
    assert_eq!(catalog.expire(now, 9).await.unwrap(), 1);
    assert_eq!(catalog.claim_removal(video).await.unwrap(), Claim::Granted(Removal::Files));
    assert!(catalog.ask_removal(video).await.unwrap());
    assert!(!catalog.files_removed(video).await.unwrap());
    assert_eq!(removal(&catalog, video).await, Some(Removal::Video));
}
