//! Jobs: what is told of every attempt, from the first moment to the end.

use catalog::{Catalog, Job};
use contract::{Status, VideoId};

use crate::{
    on_both,
    place::Place,
    records::{end, failure, new_video},
};

on_both!(
    attempts_are_told_from_beginning_to_end,
    what_changes_nothing_tells_nothing,
    the_jobs_of_a_video_go_with_it,
);

async fn only(catalog: &Catalog, video: VideoId) -> Job {
    let jobs = catalog.jobs(video).await.unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.into_iter().next().unwrap()
}

async fn attempts_are_told_from_beginning_to_end(place: Place) {
    let catalog = place.open().await;
    let video = catalog.insert(new_video()).await.unwrap().into_video();
    let asked = only(&catalog, video.id).await;
    assert_eq!((asked.attempt, asked.status), (1, Status::Uploaded));
    assert!(asked.created_at >= video.created_at);
    assert_eq!((asked.error, asked.began_at, asked.ended_at), (None, None, None));

    catalog.begin(video.id, 1).await.unwrap();
    let begun = only(&catalog, video.id).await;
    assert_eq!((begun.status, begun.ended_at), (Status::Transcoding, None));
    assert!(begun.began_at.unwrap() >= begun.created_at);

    catalog.finish(&end(video.id, 1, Status::Failed)).await.unwrap();
    catalog.retry(video.id, 2).await.unwrap();
    catalog.finish(&end(video.id, 2, Status::Cancelled)).await.unwrap();
    let jobs = catalog.jobs(video.id).await.unwrap();
    let [first, second] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!((first.attempt, first.status), (1, Status::Failed));
    assert_eq!((&first.error, first.began_at), (&Some(failure()), begun.began_at));
    assert!(first.ended_at.unwrap() >= first.began_at.unwrap());
    assert_eq!((second.attempt, second.status), (2, Status::Cancelled));
    assert_eq!((&second.error, second.began_at), (&None, None));
    assert!(second.created_at >= first.ended_at.unwrap());
    assert!(second.ended_at.is_some());
}

async fn what_changes_nothing_tells_nothing(place: Place) {
    let catalog = place.open().await;
    let new = new_video();
    let video = catalog.insert(new.clone()).await.unwrap().into_video().id;
    catalog.begin(video, 1).await.unwrap();
    catalog.finish(&end(video, 1, Status::Ready)).await.unwrap();
    let before = only(&catalog, video).await;
    catalog.insert(new).await.unwrap();
    catalog.begin(video, 1).await.unwrap();
    catalog.finish(&end(video, 1, Status::Ready)).await.unwrap();
    catalog.finish(&end(video, 1, Status::Failed)).await.unwrap();
    catalog.retry(video, 9).await.unwrap();
    assert_eq!(only(&catalog, video).await, before);
}

async fn the_jobs_of_a_video_go_with_it(place: Place) {
    let catalog = place.open().await;
    let kept = catalog.insert(new_video()).await.unwrap().into_video().id;
    let gone = catalog.insert(new_video()).await.unwrap().into_video().id;
    catalog.delete(gone).await.unwrap();
    assert_eq!(catalog.jobs(gone).await.unwrap(), []);
    only(&catalog, kept).await;
}
