//! The life of a video: every allowed move is made once, every other one is refused.

use std::sync::Arc;

use catalog::{Catalog, Moved, Video};
use contract::{Status, VideoId};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    on_both,
    place::Place,
    records::{end, new_video},
};

on_both!(
    every_pair_of_statuses_moves_as_designed,
    a_move_run_twice_changes_nothing,
    another_attempt_moves_nothing,
    the_second_attempt_moves_like_the_first,
    a_late_begin_does_not_reopen_a_video,
    of_many_ends_one_stays,
    only_a_failed_or_cancelled_video_is_tried_again,
    of_many_retries_one_counts,
);

/// The whole life, spelled out from the design and not from the code.
const ALLOWED: [(Status, Status); 8] = [
    (Status::Uploaded, Status::Transcoding),
    (Status::Transcoding, Status::Ready),
    (Status::Uploading, Status::Failed),
    (Status::Uploaded, Status::Failed),
    (Status::Transcoding, Status::Failed),
    (Status::Uploading, Status::Cancelled),
    (Status::Uploaded, Status::Cancelled),
    (Status::Transcoding, Status::Cancelled),
];

async fn go(catalog: &Catalog, video: VideoId, attempt: u32, to: Status) -> Moved {
    match to {
        Status::Transcoding => catalog.begin(video, attempt).await.unwrap(),
        end_status => catalog.finish(&end(video, attempt, end_status)).await.unwrap().moved,
    }
}

async fn video_at(place: &Place, catalog: &Catalog, status: Status, attempt: u32) -> Video {
    place.execute("DELETE FROM videos").await;
    let video = catalog.insert(new_video()).await.unwrap().into_video();
    let set = format!("UPDATE videos SET status = '{status}', attempt = {attempt}");
    place.execute(&set).await;
    catalog.get(video.id).await.unwrap().unwrap()
}

async fn every_pair_of_statuses_moves_as_designed(place: Place) {
    let catalog = place.open().await;
    for from in Status::ALL {
        for to in [Status::Transcoding, Status::Ready, Status::Failed, Status::Cancelled] {
            let before = video_at(&place, &catalog, from, 1).await;
            let moved = go(&catalog, before.id, 1, to).await;
            let after = catalog.get(before.id).await.unwrap().unwrap();
            if ALLOWED.contains(&(from, to)) {
                assert_eq!(moved, Moved::Moved, "{from} to {to}");
                assert_eq!((after.status, after.attempt), (to, 1), "{from} to {to}");
                assert!(after.updated_at > before.updated_at);
                continue;
            }
            let refused = Moved::Refused { status: from, attempt: 1 };
            let expected = if from == to { Moved::Already } else { refused };
            assert_eq!(moved, expected, "{from} to {to}");
            assert_eq!(after, before, "{from} to {to}");
        }
    }
}

async fn a_move_run_twice_changes_nothing(place: Place) {
    let catalog = place.open().await;
    for last in [Status::Ready, Status::Failed, Status::Cancelled] {
        let video = catalog.insert(new_video()).await.unwrap().into_video().id;
        for to in [Status::Transcoding, last] {
            assert_eq!(go(&catalog, video, 1, to).await, Moved::Moved);
            let once = catalog.get(video).await.unwrap();
            assert_eq!(go(&catalog, video, 1, to).await, Moved::Already);
            assert_eq!(catalog.get(video).await.unwrap(), once);
        }
    }
}

async fn another_attempt_moves_nothing(place: Place) {
    let catalog = place.open().await;
    for from in Status::ALL {
        for to in [Status::Transcoding, Status::Ready, Status::Failed, Status::Cancelled] {
            for wrong in [1, 3, u32::MAX] {
                let before = video_at(&place, &catalog, from, 2).await;
                let moved = go(&catalog, before.id, wrong, to).await;
                assert_eq!(moved, Moved::Refused { status: from, attempt: 2 });
                assert_eq!(catalog.get(before.id).await.unwrap(), Some(before));
            }
        }
    }
}

async fn the_second_attempt_moves_like_the_first(place: Place) {
    let catalog = place.open().await;
    let video = video_at(&place, &catalog, Status::Uploaded, 2).await.id;
    assert_eq!(go(&catalog, video, 2, Status::Transcoding).await, Moved::Moved);
    assert_eq!(go(&catalog, video, 2, Status::Ready).await, Moved::Moved);
    let after = catalog.get(video).await.unwrap().unwrap();
    assert_eq!((after.status, after.attempt), (Status::Ready, 2));
}

async fn a_late_begin_does_not_reopen_a_video(place: Place) {
    let catalog = place.open().await;
    let video = catalog.insert(new_video()).await.unwrap().into_video().id;
    go(&catalog, video, 1, Status::Cancelled).await;
    let late = go(&catalog, video, 1, Status::Transcoding).await;
    assert_eq!(late, Moved::Refused { status: Status::Cancelled, attempt: 1 });
}

async fn of_many_ends_one_stays(place: Place) {
    let handles = [place.open().await, place.open().await, place.open().await, place.open().await];
    let video = handles[0].insert(new_video()).await.unwrap().into_video().id;
    handles[0].begin(video, 1).await.unwrap();
    let ends = [Status::Ready, Status::Failed, Status::Cancelled];
    let start = Arc::new(Barrier::new(16));
    let mut ending = JoinSet::new();
    for n in 0..16 {
        let (catalog, start, to) = (handles[n % 4].clone(), start.clone(), ends[n % 3]);
        ending.spawn(async move {
            start.wait().await;
            (to, go(&catalog, video, 1, to).await)
        });
    }
    let answers = ending.join_all().await;
    let winners: Vec<_> = answers.iter().filter(|(_, moved)| *moved == Moved::Moved).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    let winner = winners[0].0;
    for (to, moved) in &answers {
        let refused = Moved::Refused { status: winner, attempt: 1 };
        let lost = if *to == winner { Moved::Already } else { refused };
        assert!(*moved == Moved::Moved || *moved == lost, "{to}: {moved:?}");
    }
    let after = handles[1].get(video).await.unwrap().unwrap();
    assert_eq!(after.status, winner);
    assert_eq!(after.outputs.is_some(), winner == Status::Ready);
    assert_eq!(after.error.is_some(), winner == Status::Failed);
}

async fn only_a_failed_or_cancelled_video_is_tried_again(place: Place) {
    let catalog = place.open().await;
    for status in Status::ALL {
        let before = video_at(&place, &catalog, status, 1).await;
        let moved = catalog.retry(before.id, 2).await.unwrap();
        let after = catalog.get(before.id).await.unwrap().unwrap();
        if matches!(status, Status::Failed | Status::Cancelled) {
            assert_eq!(moved, Moved::Moved);
            assert_eq!((after.status, after.attempt), (Status::Uploaded, 2));
            assert_eq!((after.error, after.warnings), (None, vec![]));
        } else {
            assert_eq!(moved, Moved::Refused { status, attempt: 1 });
            assert_eq!(after, before);
        }
    }
    let exhausted = video_at(&place, &catalog, Status::Failed, 2).await;
    let moved = catalog.retry(exhausted.id, 2).await.unwrap();
    assert_eq!(moved, Moved::Refused { status: Status::Failed, attempt: 2 });
}

async fn of_many_retries_one_counts(place: Place) {
    const RACERS: usize = 16;
    let catalog = place.open().await;
    let video = video_at(&place, &catalog, Status::Failed, 1).await;
    let start = Arc::new(Barrier::new(RACERS));
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let (catalog, start) = (catalog.clone(), Arc::clone(&start));
        racers.spawn(async move {
            start.wait().await;
            catalog.retry(video.id, 9).await.unwrap()
        });
    }
    let moved = racers.join_all().await;
    assert_eq!(moved.iter().filter(|moved| **moved == Moved::Moved).count(), 1);
    assert_eq!(catalog.get(video.id).await.unwrap().unwrap().attempt, 2);
}
