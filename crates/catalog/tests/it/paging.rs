//! Lists: order, filters, and pages that stay put while videos come in.

use catalog::{Catalog, Cursor, Filter, PAGE_MAX, Page};
use contract::{Status, VideoId};
use sea_orm::{ConnectionTrait as _, DbBackend};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{on_both, place::Place, records::new_video};

on_both!(
    an_empty_list_is_one_empty_page,
    every_size_of_page_shows_each_video_once,
    pages_stay_put_while_videos_are_added,
    filters_pick_by_status_and_by_tenant,
    filters_pick_by_the_time_of_creation,
    a_limit_outside_the_bounds_is_moved_inside,
    numbered_pages_show_each_video_once_and_count_all,
);

async fn add(catalog: &Catalog, count: usize) -> Vec<VideoId> {
    let mut ids = vec![];
    for _ in 0..count {
        ids.push(catalog.insert(new_video()).await.unwrap().into_video().id);
    }
    ids
}

fn ids(page: &Page) -> Vec<VideoId> {
    page.videos.iter().map(|video| video.id).collect()
}

async fn page(catalog: &Catalog, limit: u32, after: Option<Cursor>) -> Page {
    // A cursor goes to the user and back as text.
    let after = after.map(|cursor| cursor.to_string().parse().unwrap());
    catalog.list(Filter::default(), limit, after).await.unwrap()
}

async fn an_empty_list_is_one_empty_page(place: Place) {
    let catalog = place.open().await;
    assert_eq!(
        page(&catalog, 10, None).await,
        Page { videos: vec![], unreadable: vec![], next: None }
    );
}

async fn numbered_pages_show_each_video_once_and_count_all(place: Place) {
    let catalog = place.open().await;
    let mut newest_first = add(&catalog, 5).await;
    newest_first.reverse();
    let tenant = |name: &str| Filter { tenant: Some(name.to_owned()), ..Filter::default() };
    let mut seen = vec![];
    for number in 1..=4 {
        let page = catalog.numbered_page(tenant("acme"), number, 2).await.unwrap();
        assert_eq!(page.total, 5);
        seen.extend(page.videos.iter().map(|video| video.id));
    }
    assert_eq!(seen, newest_first);
    assert_eq!(catalog.numbered_page(tenant("other"), 1, 2).await.unwrap().total, 0);
}

async fn every_size_of_page_shows_each_video_once(place: Place) {
    let catalog = place.open().await;
    let mut newest_first = add(&catalog, 6).await;
    newest_first.reverse();
    for limit in 1..=7 {
        let (mut seen, mut next) = (vec![], None);
        for page_idx in 0..6_u32.div_ceil(limit) {
            assert!(page_idx == 0 || next.is_some(), "pages of {limit}");
            let page = page(&catalog, limit, next).await;
            seen.extend(ids(&page));
            next = page.next;
        }
        assert_eq!(seen, newest_first, "pages of {limit}");
        assert_eq!(next, None, "pages of {limit}");
    }
}

async fn pages_stay_put_while_videos_are_added(place: Place) {
    let catalog = place.open().await;
    let mut newest_first = add(&catalog, 9).await;
    newest_first.reverse();
    let mut seen = vec![];
    let mut next = None;
    for _ in 0..3 {
        let page = page(&catalog, 3, next).await;
        seen.extend(ids(&page));
        next = page.next;
        add(&catalog, 2).await;
    }
    assert_eq!((seen, next), (newest_first, None));
}

async fn filters_pick_by_status_and_by_tenant(place: Place) {
    let catalog = place.open().await;
    let all = add(&catalog, 4).await;
    let mut other = new_video();
    other.tenant = "other".into();
    let other = catalog.insert(other).await.unwrap().into_video().id;
    for begun in [all[1], all[3], other] {
        catalog.begin(begun, 1).await.unwrap();
    }
    let acme = || Some("acme".to_owned());
    let running = Some(Status::Transcoding);
    let cases = [
        (
            Filter { status: running, tenant: None, ..Filter::default() },
            vec![other, all[3], all[1]],
        ),
        (Filter { status: running, tenant: acme(), ..Filter::default() }, vec![all[3], all[1]]),
        (
            Filter { status: None, tenant: acme(), ..Filter::default() },
            vec![all[3], all[2], all[1], all[0]],
        ),
        (Filter { status: Some(Status::Ready), tenant: None, ..Filter::default() }, vec![]),
        (Filter { status: None, tenant: Some("ACME".into()), ..Filter::default() }, vec![]),
        (Filter { status: None, tenant: Some("' OR 1=1 --".into()), ..Filter::default() }, vec![]),
    ];
    for (filter, expected) in cases {
        let page = catalog.list(filter.clone(), 10, None).await.unwrap();
        assert_eq!(ids(&page), expected, "{filter:?}");
    }
    let filter = Filter { status: running, tenant: None, ..Filter::default() };
    let first = catalog.list(filter.clone(), 2, None).await.unwrap();
    let second = catalog.list(filter, 2, first.next).await.unwrap();
    assert_eq!((ids(&second), second.next), (vec![all[1]], None));
}

async fn filters_pick_by_the_time_of_creation(place: Place) {
    let catalog = place.open().await;
    let all = add(&catalog, 4).await;
    let times = ["12:00:00", "12:00:00.5", "12:00:00.123456", "12:00:01"];
    for (id, time) in all.iter().zip(times) {
        let (id, raw) = (id.0, place.raw().await);
        let id = match raw.get_database_backend() {
            DbBackend::Sqlite => format!("x'{}'", id.simple()),
            _ => format!("'{id}'"),
        };
        let set = format!("UPDATE videos SET created_at = '2026-11-21T{time}Z' WHERE id = {id}");
        raw.execute_unprepared(&set).await.unwrap();
    }
    let time = |text: &str| Some(OffsetDateTime::parse(text, &Rfc3339).unwrap());
    let (noon, second) = (time("2026-11-21T12:00:00Z"), time("2026-11-21T13:00:01+01:00"));
    let cases = [
        (noon, None, vec![all[3], all[2], all[1]]),
        (None, second, vec![all[2], all[1], all[0]]),
        (noon, second, vec![all[2], all[1]]),
        (time("2026-11-21T12:00:00.1234Z"), time("2026-11-21T12:00:00.5Z"), vec![all[2]]),
        (second, None, vec![]),
    ];
    for (created_after, created_before, expected) in cases {
        let filter = Filter { created_after, created_before, ..Filter::default() };
        let page = catalog.list(filter.clone(), 10, None).await.unwrap();
        assert_eq!(ids(&page), expected, "{filter:?}");
        let (mut turned, mut next) = (vec![], None);
        for _ in &expected {
            let page = catalog.list(filter.clone(), 1, next).await.unwrap();
            turned.extend(ids(&page));
            next = page.next;
        }
        assert_eq!((turned, next), (expected, None), "{filter:?}");
    }
}

async fn a_limit_outside_the_bounds_is_moved_inside(place: Place) {
    let catalog = place.open().await;
    add(&catalog, 2).await;
    assert_eq!(page(&catalog, 0, None).await.videos.len(), 1);
    assert_eq!(page(&catalog, u32::MAX, None).await, page(&catalog, PAGE_MAX, None).await);
}
