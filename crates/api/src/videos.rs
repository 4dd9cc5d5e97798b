//! The calls on videos, one file each, and what they share: finding a video by its id.

mod begin;
pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod events;
mod expire;
pub(crate) mod jobs;
pub(crate) mod key;
pub(crate) mod list;
mod measured;
mod outputs;
mod progress;
mod reconcile;
pub(crate) mod retry;
pub(crate) mod show;
mod source;
mod stored;
pub(crate) mod view;
pub(crate) mod waiting;
mod webhook;

pub(crate) use progress::live as live_progress;
pub(crate) use source::check_url;
pub use stored::{NotStoredSources, StoredSources};

use catalog::Video;
use contract::VideoId;

use crate::{Api, caller::Caller, problem::Problem};

impl Api {
    /// Finds a video of the caller; an id that is not a UUID is not found either.
    pub(crate) async fn find(&self, caller: &Caller, id: &str) -> Result<Video, Problem> {
        let unknown = || Problem::video_not_found(id);
        let id: VideoId = id.parse().map_err(|_| unknown())?;
        let found = self.catalog.get(id).await?;
        found.filter(|video| video.tenant == caller.tenant).ok_or_else(unknown)
    }
}
