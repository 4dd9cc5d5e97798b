//! `GET /videos`: videos, newest first, page by page.

use std::sync::Arc;

use axum::{Json, extract::State};
use catalog::Filter;
use contract::Status;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::ToSchema;

use super::view::VideoView;
use crate::{Api, caller::Caller, extract::Parameters, paging::Asked, problem::Problem};

/// Parameters of this list alone.
const OWN: [&str; 3] = ["status", "created_after", "created_before"];

/// A part of the list of videos.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VideoPage {
    /// Newest first; without live progress, which only a single video has. One whose record cannot be
    /// read says so in `error` and holds nothing else.
    videos: Vec<VideoView>,
    /// Give this as `cursor` for the videos that follow; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists videos, newest first.
#[utoipa::path(
    get,
    path = "/videos",
    tag = "videos",
    params(
        ("status" = Option<Status>, Query, description = "Only videos with this status"),
        ("created_after" = Option<String>, Query, format = DateTime,
            description = "Only videos that were accepted later (RFC 3339)"),
        ("created_before" = Option<String>, Query, format = DateTime,
            description = "Only videos that were accepted earlier (RFC 3339)"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200,
            description = "At most this many videos per page; default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = VideoPage),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Parameters(given): Parameters,
) -> Result<Json<VideoPage>, Problem> {
    let asked = Asked::read(&given, &OWN, take)?;
    let filter = Filter { tenant: Some(caller.tenant), ..asked.filter };
    let page = api.catalog.list(filter, asked.limit, asked.cursor).await?;
    let read = page.videos.into_iter().map(|video| {
        let id = video.id.0;
        (id, VideoView::new(&api.settings, video, None))
    });
    let unread =
        page.unreadable.iter().map(|row| (row.id, VideoView::unreadable(&api.settings, row)));
    let mut videos: Vec<_> = read.chain(unread).collect();
    // The list's own order, in which one that cannot be read has its place.
    videos.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    Ok(Json(VideoPage {
        videos: videos.into_iter().map(|(_, view)| view).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}

fn take(filter: &mut Filter, name: &str, value: &str) -> Result<(), String> {
    match name {
        "created_after" => filter.created_after = Some(time(value)?),
        "created_before" => filter.created_before = Some(time(value)?),
        _ => {
            let status = value.parse::<Status>().map_err(|error| error.to_string())?;
            filter.status = Some(status);
        }
    }
    Ok(())
}

fn time(value: &str) -> Result<OffsetDateTime, String> {
    let time = OffsetDateTime::parse(value, &Rfc3339);
    time.map_err(|_| "must be a time such as `2026-11-21T12:00:00Z`; write `+` as `%2B`".to_owned())
}
