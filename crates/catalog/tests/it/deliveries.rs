//! Messages to webhooks: written with the end of an attempt, once, and kept as they were.

use std::time::Duration;

use catalog::{Catalog, DeliveryFilter, Finished, Moved, NewVideo, Private, Sending, Webhook};
use contract::{DeliveryStatus, Event, Status, VideoId, delivery::Input};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    on_both,
    place::Place,
    records::{end, failure, new_video},
};

on_both!(
    the_end_of_an_attempt_is_written_with_its_message,
    nothing_is_written_for_what_nobody_waits_for,
    of_many_ends_one_message_is_due,
    each_attempt_has_its_own_message,
    a_message_outlives_its_video_and_shows_no_secret,
    the_log_counts_every_sending,
    a_replay_begins_a_round_that_the_last_one_cannot_end,
    lists_are_filtered_and_paged,
    old_messages_are_forgotten_unless_they_wait,
    the_oldest_that_waits_is_known,
);

async fn finish(catalog: &Catalog, video: VideoId, attempt: u32, to: Status) -> Finished {
    if to == Status::Ready {
        catalog.begin(video, attempt).await.unwrap();
    }
    catalog.finish(&end(video, attempt, to)).await.unwrap()
}

/// A message that is due.
async fn message(catalog: &Catalog) -> (VideoId, Input) {
    let video = catalog.insert(new_video()).await.unwrap().into_video().id;
    let finished = finish(catalog, video, 1, Status::Failed).await;
    (video, Input::first(finished.delivery.unwrap()))
}

fn sending(http_status: Option<u16>) -> Sending {
    Sending {
        at: OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap(),
        took: Duration::from_millis(1500),
        http_status,
        error: http_status.map(|status| format!("the receiver answers {status}")),
    }
}

async fn the_end_of_an_attempt_is_written_with_its_message(place: Place) {
    let catalog = place.open().await;
    let new = new_video();
    let (id, webhook) = (new.id, new.private.webhook.clone().unwrap());
    catalog.insert(new).await.unwrap();
    let finished = finish(&catalog, id, 1, Status::Ready).await;
    assert_eq!(finished.moved, Moved::Moved);
    let delivery = catalog.delivery(finished.delivery.unwrap()).await.unwrap().unwrap();
    assert_eq!((delivery.video, delivery.attempt), (id, 1));
    assert_eq!((delivery.event, delivery.status), (Event::Ready, DeliveryStatus::Pending));
    assert_eq!((delivery.round, delivery.round_at), (1, delivery.created_at));
    assert_eq!(delivery.webhook, webhook);
    let video = catalog.get(id).await.unwrap().unwrap();
    let expected = catalog::Video { private: Private::default(), ..video };
    assert_eq!(delivery.content, expected);
    let again = catalog.finish(&end(id, 1, Status::Ready)).await.unwrap();
    assert_eq!(again, Finished { moved: Moved::Already, ..finished });
}

async fn nothing_is_written_for_what_nobody_waits_for(place: Place) {
    let catalog = place.open().await;
    // The webhook of these videos wants no cancellations.
    let video = catalog.insert(new_video()).await.unwrap().into_video().id;
    assert_eq!(finish(&catalog, video, 1, Status::Cancelled).await.delivery, None);
    let silent = NewVideo { private: Private::default(), ..new_video() };
    let video = catalog.insert(silent).await.unwrap().into_video().id;
    assert_eq!(finish(&catalog, video, 1, Status::Ready).await.delivery, None);
    let refused = catalog.finish(&end(video, 2, Status::Failed)).await.unwrap();
    assert!(matches!(refused, Finished { moved: Moved::Refused { .. }, delivery: None }));
    let all = catalog.deliveries(DeliveryFilter::default(), 9, None).await.unwrap();
    assert_eq!(all.deliveries, []);
}

async fn of_many_ends_one_message_is_due(place: Place) {
    let catalog = place.open().await;
    let video = catalog.insert(new_video()).await.unwrap().into_video().id;
    let mut racers = JoinSet::new();
    for n in 0..16 {
        let catalog = catalog.clone();
        let to = [Status::Failed, Status::Cancelled][n % 2];
        racers.spawn(async move { catalog.finish(&end(video, 1, to)).await.unwrap() });
    }
    let finished = racers.join_all().await;
    let due: std::collections::BTreeSet<_> = finished.iter().filter_map(|it| it.delivery).collect();
    let all = catalog.deliveries(DeliveryFilter::default(), 9, None).await.unwrap().deliveries;
    assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), Vec::from_iter(due));
    let failed = catalog.get(video).await.unwrap().unwrap().status == Status::Failed;
    assert_eq!(all.len(), usize::from(failed));
}

async fn each_attempt_has_its_own_message(place: Place) {
    let catalog = place.open().await;
    let (video, first) = message(&catalog).await;
    catalog.retry(video, 2).await.unwrap();
    let second = finish(&catalog, video, 2, Status::Failed).await.delivery.unwrap();
    assert_ne!(first.delivery, second);
    assert_eq!(catalog.delivery(second).await.unwrap().unwrap().attempt, 2);
}

async fn a_message_outlives_its_video_and_shows_no_secret(place: Place) {
    let catalog = place.open().await;
    let (video, due) = message(&catalog).await;
    catalog.delete(video).await.unwrap();
    let delivery = catalog.delivery(due.delivery).await.unwrap().unwrap();
    assert_eq!(delivery.content.error, Some(failure()));
    let Webhook { url, secret, .. } = &delivery.webhook;
    let shown = format!("{delivery:?}");
    for hidden in [url.expose(), secret.as_ref().unwrap().expose()] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

async fn the_log_counts_every_sending(place: Place) {
    let catalog = place.open().await;
    let (_, due) = message(&catalog).await;
    for status in [None, Some(503)] {
        catalog.log_sending(due, &sending(status), DeliveryStatus::Pending).await.unwrap();
    }
    catalog.log_sending(due, &sending(Some(200)), DeliveryStatus::Delivered).await.unwrap();
    let delivery = catalog.delivery(due.delivery).await.unwrap().unwrap();
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    let sent = catalog.sendings(&delivery).await.unwrap();
    assert_eq!(
        sent.iter().map(|it| (it.number, it.round)).collect::<Vec<_>>(),
        [(1, 1), (2, 1), (3, 1)]
    );
    assert_eq!(sent[1].sending, sending(Some(503)));
    let gone = Input::first(contract::DeliveryId(Uuid::now_v7()));
    catalog.log_sending(gone, &sending(None), DeliveryStatus::Failed).await.unwrap();
    assert_eq!(catalog.delivery(gone.delivery).await.unwrap(), None);
}

async fn a_replay_begins_a_round_that_the_last_one_cannot_end(place: Place) {
    let catalog = place.open().await;
    let (_, first) = message(&catalog).await;
    catalog.log_sending(first, &sending(Some(410)), DeliveryStatus::Failed).await.unwrap();
    let before = catalog.delivery(first.delivery).await.unwrap().unwrap();
    let second = catalog.replay(first.delivery).await.unwrap().unwrap();
    assert_eq!(second, Input { round: 2, ..first });
    catalog.log_sending(first, &sending(Some(200)), DeliveryStatus::Delivered).await.unwrap();
    let after = catalog.delivery(first.delivery).await.unwrap().unwrap();
    assert_eq!((after.status, after.round), (DeliveryStatus::Pending, 2));
    assert!(after.round_at > before.round_at);
    assert_eq!((after.content, after.webhook), (before.content, before.webhook));
    let nobody = contract::DeliveryId(Uuid::now_v7());
    assert_eq!(catalog.replay(nobody).await.unwrap(), None);
}

async fn lists_are_filtered_and_paged(place: Place) {
    let catalog = place.open().await;
    let mut messages = Vec::new();
    for _ in 0..3 {
        messages.push(message(&catalog).await);
    }
    let (video, delivered) = messages[1];
    catalog.log_sending(delivered, &sending(Some(204)), DeliveryStatus::Delivered).await.unwrap();
    let ids = async |filter: DeliveryFilter| {
        let page = catalog.deliveries(filter, 9, None).await.unwrap();
        page.deliveries.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    let [first, second, third] = [0, 1, 2].map(|n: usize| messages[n].1.delivery);
    let all = DeliveryFilter::default();
    assert_eq!(ids(all.clone()).await, [third, second, first]);
    let pending = Some(DeliveryStatus::Pending);
    assert_eq!(ids(DeliveryFilter { status: pending, ..all.clone() }).await, [third, first]);
    assert_eq!(ids(DeliveryFilter { video: Some(video), ..all.clone() }).await, [second]);
    let of = |tenant: &str| DeliveryFilter { tenant: Some(tenant.into()), ..all.clone() };
    assert_eq!((ids(of("acme")).await.len(), ids(of("other")).await.len()), (3, 0));
    let long_ago = Some(OffsetDateTime::now_utc() - Duration::from_mins(1));
    assert!(ids(DeliveryFilter { unchanged_since: long_ago, ..all.clone() }).await.is_empty());
    let page = catalog.deliveries(all.clone(), 2, None).await.unwrap();
    let rest = catalog.deliveries(all, 2, page.next).await.unwrap();
    assert_eq!((page.deliveries[1].id, rest.deliveries[0].id), (second, first));
    assert_eq!((rest.deliveries.len(), rest.next), (1, None));
}

async fn old_messages_are_forgotten_unless_they_wait(place: Place) {
    let catalog = place.open().await;
    let ((_, waiting), (_, done)) = (message(&catalog).await, message(&catalog).await);
    catalog.log_sending(done, &sending(Some(200)), DeliveryStatus::Delivered).await.unwrap();
    let done = catalog.delivery(done.delivery).await.unwrap().unwrap();
    assert_eq!(catalog.forget_deliveries(done.updated_at).await.unwrap(), 0);
    let later = OffsetDateTime::now_utc() + Duration::from_mins(1);
    assert_eq!(catalog.forget_deliveries(later).await.unwrap(), 1);
    assert_eq!(catalog.delivery(done.id).await.unwrap(), None);
    assert_eq!(catalog.sendings(&done).await.unwrap(), []);
    assert!(catalog.delivery(waiting.delivery).await.unwrap().is_some());
}

async fn the_oldest_that_waits_is_known(place: Place) {
    let catalog = place.open().await;
    assert_eq!(catalog.oldest_pending_delivery().await.unwrap(), None);
    let ((_, first), (_, second)) = (message(&catalog).await, message(&catalog).await);
    for (due, next) in [(first, Some(second)), (second, None)] {
        let delivery = catalog.delivery(due.delivery).await.unwrap().unwrap();
        assert_eq!(catalog.oldest_pending_delivery().await.unwrap(), Some(delivery.round_at));
        catalog.log_sending(due, &sending(Some(200)), DeliveryStatus::Delivered).await.unwrap();
        assert_eq!(catalog.oldest_pending_delivery().await.unwrap().is_some(), next.is_some());
    }
}
