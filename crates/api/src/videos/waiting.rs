//! Starts videos whose workflow was never started, as after a crash in the middle of `POST
//! /videos`.

use catalog::{Filter, PAGE_MAX, Video};
use contract::Status;
use futures::{Stream, TryStreamExt as _};

use crate::{Api, Error, paging, problem::chain, temporal};

impl Api {
    /// Starts the workflow of every video that is `uploaded` and answers how many there were.
    ///
    /// To be called when a process takes over from one that ended. Videos whose workflow runs, waits
    /// for a worker or has ended are not touched, so running it twice, or in several processes at once,
    /// changes nothing.
    pub async fn start_waiting(&self) -> Result<u64, Error> {
        let filter = Filter { status: Some(Status::Uploaded), tenant: None, ..Filter::default() };
        let mut found = 0;
        let mut waiting = std::pin::pin!(self.all(&filter));
        while let Some(video) = waiting.try_next().await? {
            self.start_or_fail(&video)
                .await
                .map_err(|error| Error::NotStarted { video: video.id, source: Box::new(error) })?;
            found += 1;
        }
        Ok(found)
    }

    /// Starts the workflow of a video; where Temporal refuses it for good, the video has failed.
    pub(super) async fn start_or_fail(&self, video: &Video) -> Result<(), Error> {
        match temporal::start(self, video).await {
            Err(error) if !error.is_transient() => {
                tracing::error!(video = %video.id, error = chain(&error), "cannot be started");
                self.finish(&temporal::not_started(video, &error)).await.map(drop)
            }
            started => started,
        }
    }

    /// Every video that a filter lets pass, read page by page; those that cannot be read are reported
    /// and left out.
    pub(crate) fn all<'a>(
        &'a self,
        filter: &'a Filter,
    ) -> impl Stream<Item = Result<Video, Error>> + 'a {
        paging::every(move |after| async move {
            let page = self.catalog.list(filter.clone(), PAGE_MAX, after).await;
            page.map(|page| (page.videos, page.next)).map_err(Error::Catalog)
        })
    }
}
