//! Removes what was kept long enough, and carries out the removals that a crash left behind.
//!
//! The mark on the row decides, in one UPDATE that a retry cannot pass; the work is a workflow's, as
//! it is for `DELETE`. Run in several processes at once, each video is removed once.

use catalog::Removing;
use time::OffsetDateTime;

use super::cancel;
use crate::{Api, Error, problem::chain, temporal};

/// Videos that expire in one round; the others wait for the next.
const EXPIRE_MAX: u32 = 200;

impl Api {
    /// Marks the failed and cancelled videos that were kept long enough, and starts a workflow for
    /// every video of which something is to be removed; answers how many there were. Run twice, the
    /// second run starts nothing while the first one's workflows run.
    pub async fn settle_removals(&self) -> Result<u64, Error> {
        let before = OffsetDateTime::now_utc() - self.settings.keep_failed;
        let expired = self.catalog.expire(before, EXPIRE_MAX).await.map_err(Error::Catalog)?;
        if expired > 0 {
            tracing::info!(expired, "files of failed or cancelled videos were kept long enough");
        }
        let (mut found, mut after) = (0, None);
        loop {
            let page = self.catalog.removing(after).await.map_err(Error::Catalog)?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.id);
            for removing in &page {
                found += 1;
                self.remove(*removing).await?;
            }
        }
    }

    /// One video that cannot be removed must not hold up the others.
    async fn remove(&self, removing: Removing) -> Result<(), Error> {
        let started = if removing.ended {
            temporal::delete(self, removing.id).await
        } else {
            self.stop_and_delete(removing).await
        };
        match started {
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                let error = chain(&error);
                tracing::error!(video = %removing.id, error, "a video cannot be removed");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn stop_and_delete(&self, removing: Removing) -> Result<(), Error> {
        let video = self.catalog.get(removing.id).await.map_err(Error::Catalog)?;
        let Some(video) = video else { return Ok(()) };
        cancel::stop(self, &video).await?;
        temporal::delete(self, removing.id).await
    }
}
