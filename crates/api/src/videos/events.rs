//! `GET /videos/{id}/events`: a video as it changes, as server-sent events.
//!
//! Nothing is remembered: whoever connects again gets the video as it stands then, which is all
//! that earlier events could have said. A video is polled once, however many clients watch it.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use contract::VideoId;
use futures::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::show::live;
use crate::{Api, caller::Caller, extract::IdText, problem::Problem};

/// How often a video is looked at; one look costs a query of its workflow.
const LOOK: Duration = Duration::from_secs(1);

/// The videos that clients of this process watch.
pub(crate) struct Watching {
    videos: Mutex<HashMap<VideoId, watch::Receiver<Told>>>,
    places: Arc<Semaphore>,
    most: u32,
}

/// What the last poll of a video showed.
#[derive(Clone, Debug)]
enum Told {
    /// There was none yet.
    Nothing,
    /// The video, as JSON.
    View { status: &'static str, text: Arc<str>, is_final: bool },
    /// It is gone.
    Gone,
}

/// Reports how a video progresses, until it has ended. Each event is named after the status and
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
    Extension(watching): Extension<Arc<Watching>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let video = api.find(&caller, &id).await?.id;
    let place = watching.place()?;
    let told = watching.join(&api, caller, video);
    let viewer = Viewer { told, sent: None, _place: place };
    Ok(Sse::new(stream::unfold(Some(viewer), next)).keep_alive(KeepAlive::default()))
}

impl Watching {
    pub(crate) fn new(most: u32) -> Self {
        let places = Arc::new(Semaphore::new(most as usize));
        Self { videos: Mutex::default(), places, most }
    }

    /// A place for one more stream.
    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| Problem::too_many_streams(self.most))
    }

    /// Updates of a video, from polls that are shared with other viewers.
    fn join(
        self: &Arc<Self>,
        api: &Arc<Api>,
        caller: Caller,
        video: VideoId,
    ) -> watch::Receiver<Told> {
        let mut videos = self.videos();
        // Closed: the task that polled has ended.
        if let Some(told) = videos.get(&video).filter(|told| told.has_changed().is_ok()) {
            return told.clone();
        }
        let (tell, told) = watch::channel(Told::Nothing);
        videos.insert(video, told.clone());
        tokio::spawn(look(Arc::clone(self), Arc::clone(api), caller, video, tell));
        told
    }

    /// Ends the looks at a video that nobody watches any more; true when it did.
    fn leave(&self, video: VideoId, tell: &watch::Sender<Told>) -> bool {
        let mut videos = self.videos();
        // One receiver is the map's own, from which the next viewer gets its copy.
        let left = tell.receiver_count() <= 1;
        if left {
            videos.remove(&video);
        }
        left
    }

    fn end(&self, video: VideoId) {
        self.videos().remove(&video);
    }

    fn videos(&self) -> MutexGuard<'_, HashMap<VideoId, watch::Receiver<Told>>> {
        self.videos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a video until it has ended or nobody watches it.
async fn look(
    watching: Arc<Watching>,
    api: Arc<Api>,
    caller: Caller,
    video: VideoId,
    tell: watch::Sender<Told>,
) {
    let id = video.to_string();
    loop {
        // A dependency that does not answer now is asked again; a deleted video has ended.
        let told = match Box::pin(live(&api, &caller, &id)).await {
            Ok(view) => Some(Told::View {
                status: view.status().as_str(),
                text: serde_json::to_string(&view)
                    .expect("a view is plain values with string keys")
                    .into(),
                is_final: view.status().is_final(),
            }),
            Err(problem) if problem.is_transient() => None,
            Err(_) => Some(Told::Gone),
        };
        let ended = matches!(told, Some(Told::Gone | Told::View { is_final: true, .. }));
        if ended {
            // Whoever comes from here on begins anew, and is told the end as well.
            watching.end(video);
        }
        if let Some(told) = told {
            tell.send_replace(told);
        }
        if ended {
            return;
        }
        tokio::time::sleep(LOOK).await;
        if watching.leave(video, &tell) {
            return;
        }
    }
}

struct Viewer {
    told: watch::Receiver<Told>,
    /// The video as it was last sent.
    sent: Option<Arc<str>>,
    _place: OwnedSemaphorePermit,
}

/// The next event, and how to go on; nothing after the end.
async fn next(viewer: Option<Viewer>) -> Option<(Result<Event, Infallible>, Option<Viewer>)> {
    let mut viewer = viewer?;
    loop {
        let told = viewer.told.borrow_and_update().clone();
        match told {
            Told::Gone => return None,
            Told::View { status, text, is_final } if viewer.sent.as_ref() != Some(&text) => {
                let event = Event::default().event(status).data(&*text);
                viewer.sent = Some(text);
                return Some((Ok(event), (!is_final).then_some(viewer)));
            }
            Told::View { .. } | Told::Nothing => viewer.told.changed().await.ok()?,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn looks_end_with_the_last_viewer() {
        let watching = Watching::new(1);
        let video = VideoId(Uuid::from_u128(1));
        let (tell, told) = watch::channel(Told::Nothing);
        watching.videos().insert(video, told.clone());
        assert!(!watching.leave(video, &tell));
        drop(told);
        assert!(watching.leave(video, &tell) && watching.videos().is_empty());
    }

    #[tokio::test]
    async fn streams_are_counted() {
        let watching = Watching::new(1);
        let first = watching.place().unwrap();
        assert!(watching.place().is_err());
        drop(first);
        assert!(watching.place().is_ok());
    }
}
