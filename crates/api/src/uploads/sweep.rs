//! Checks all uploads: finishes those that have arrived, removes abandoned ones.

use std::time::{Duration, SystemTime};

use catalog::{Filter, Upload};
use contract::{Status, UploadId};
use futures::TryStreamExt as _;
use time::OffsetDateTime;

use super::{
    KEPT,
    finish::{self, Standing},
    remove::remove,
};
use crate::{Api, Error, problem::chain};

/// A file without a row that is older than this was left by a process that died between the two.
const ORPHANED: Duration = Duration::from_hours(1);

impl Api {
    /// Looks once through all uploads, and through all videos that wait for one; answers how many
    /// uploads were finished or removed. Run twice, also in several processes at once, the second
    /// run finds nothing.
    pub async fn settle_uploads(&self) -> Result<u64, Error> {
        let settled = self.finish_arrived().await?;
        let removed = self.remove_abandoned().await?;
        self.remove_orphans().await?;
        Box::pin(self.settle_waiting_videos()).await?;
        Ok(settled + removed)
    }

    async fn finish_arrived(&self) -> Result<u64, Error> {
        let (mut settled, mut after) = (0, None::<UploadId>);
        loop {
            let page = self.catalog.open_uploads(after).await.map_err(Error::Catalog)?;
            let Some(last) = page.last() else { return Ok(settled) };
            after = Some(last.id);
            for upload in &page {
                settled += u64::from(self.finish_one(upload).await);
            }
        }
    }

    /// One upload that cannot be finished must not hold up the others.
    async fn finish_one(&self, upload: &Upload) -> bool {
        match finish::settle(self, upload).await {
            Ok(standing) => standing == Standing::Finished,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(upload = %upload.id, error, "an upload cannot be finished yet");
                false
            }
        }
    }

    async fn remove_abandoned(&self) -> Result<u64, Error> {
        let before = OffsetDateTime::now_utc() - KEPT;
        let abandoned = self.catalog.abandoned_uploads(before).await.map_err(Error::Catalog)?;
        let mut removed = 0;
        for upload in &abandoned {
            tracing::info!(upload = %upload.id, "removing an upload that nobody came back for");
            match remove(self, upload).await {
                Ok(_) => removed += 1,
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(upload = %upload.id, error, "an upload cannot be removed");
                }
            }
        }
        Ok(removed)
    }

    async fn remove_orphans(&self) -> Result<(), Error> {
        for (name, written) in self.incoming.names().await.map_err(Error::Store)? {
            let age = SystemTime::now().duration_since(written).unwrap_or_default();
            let Ok(id) = name.parse::<UploadId>() else { continue };
            if age < ORPHANED || self.catalog.upload(id).await.map_err(Error::Catalog)?.is_some() {
                continue;
            }
            if let storage::Claim::Ours(file) =
                self.incoming.claim(&name).await.map_err(Error::Store)?
            {
                tracing::info!(upload = %id, "removing a file that belongs to no upload");
                file.remove().await.map_err(Error::Store)?;
            }
        }
        Ok(())
    }

    /// What a crash leaves between the end of an upload and the beginning of its video.
    async fn settle_waiting_videos(&self) -> Result<(), Error> {
        let filter = Filter { status: Some(Status::Uploading), ..Filter::default() };
        let mut videos = std::pin::pin!(self.all(&filter));
        while let Some(video) = videos.try_next().await? {
            match self.settle_video(&video).await {
                Err(error) if !error.is_transient() => {
                    let error = chain(&error);
                    tracing::error!(video = %video.id, error, "a video waits for its upload in vain");
                }
                settled => settled?,
            }
        }
        Ok(())
    }

    /// Begins or fails a video that is `uploading`, if its upload has ended one way or the other.
    pub(crate) async fn settle_video(&self, video: &catalog::Video) -> Result<(), Error> {
        let Some(id) = video.upload else { return Ok(()) };
        match self.catalog.upload(id).await.map_err(Error::Catalog)? {
            None => finish::fail(self, video.id).await,
            Some(upload) => finish::settle(self, &upload).await.map(drop),
        }
    }
}
