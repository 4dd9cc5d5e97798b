//! `GET /videos/{id}/events`: a video as it changes, as server-sent events.
//!
//! Nothing is remembered: whoever connects again gets the video as it stands then, which is all
//! that earlier events could have told.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};

use super::show::live;
use crate::{Api, caller::Caller, extract::IdText, problem::Problem};

/// How often the video is looked at; one look costs a query of its workflow.
const LOOK: Duration = Duration::from_secs(1);

/// Tells how a video goes on, until it has ended. Each event is called by the status it shows and
/// holds the video as `GET /videos/{id}` does; one is sent whenever something has changed.
#[utoipa::path(
    get,
    path = "/videos/{id}/events",
    tag = "videos",
    params(("id" = String, Path, format = Uuid, description = "The video")),
    responses(
        (status = 200, description = "Events until the video has ended", body = String,
            content_type = "text/event-stream"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    api.find(&caller, &id).await?;
    let watch = Watch { api, caller, id, sent: None };
    Ok(Sse::new(stream::unfold(Some(watch), next)).keep_alive(KeepAlive::default()))
}

struct Watch {
    api: Arc<Api>,
    caller: Caller,
    id: String,
    /// The video as it was last told.
    sent: Option<String>,
}

/// The next event, and how to go on; nothing after the end.
async fn next(watch: Option<Watch>) -> Option<(Result<Event, Infallible>, Option<Watch>)> {
    let mut watch = watch?;
    loop {
        if watch.sent.is_some() {
            tokio::time::sleep(LOOK).await;
        }
        // A dependency that does not answer now is asked again; a deleted video has ended.
        let view = match live(&watch.api, &watch.caller, &watch.id).await {
            Ok(view) => view,
            Err(problem) if problem.is_transient() => {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Err(_) => return None,
        };
        let text = serde_json::to_string(&view).expect("a view is plain values with string keys");
        if watch.sent.as_ref() == Some(&text) {
            continue;
        }
        let event = Event::default().event(view.status().as_str()).data(&text);
        let last = view.status().is_final();
        watch.sent = Some(text);
        return Some((Ok(event), (!last).then_some(watch)));
    }
}
