//! Starts the videos whose workflow was never started: what a crash in the middle of
//! `POST /videos` leaves behind.

use catalog::Filter;
use contract::Status;

use crate::{Api, Error, temporal};

/// Videos read at a time.
const PAGE: u32 = 200;

impl Api {
    /// Starts the workflow of every video that is `uploaded` and answers how many there were.
    ///
    /// To be called when a process starts. Videos whose workflow runs, waits for a worker or has
    /// ended are not touched, so running it twice, or in several processes at once, changes nothing.
    pub async fn start_waiting(&self) -> Result<u64, Error> {
        let filter = Filter { status: Some(Status::Uploaded), tenant: None, ..Filter::default() };
        let (mut found, mut after) = (0, None);
        loop {
            let page = self.catalog.list(filter.clone(), PAGE, after).await;
            let page = page.map_err(Error::Catalog)?;
            for video in &page.videos {
                temporal::start(self, video).await.map_err(|error| Error::NotStarted {
                    video: video.id,
                    source: Box::new(error),
                })?;
                found += 1;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }
}
