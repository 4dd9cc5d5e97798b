//! Removes an upload: its bytes, wherever they are, and at last its row.

use catalog::Upload;
use contract::Status;
use storage::{Bucket, Claim};

use super::finish;
use crate::{Api, Error};

/// The result of removing an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// Nothing of it is left; a video that waited for it has failed.
    Removed,
    /// A request is sending to it; nothing changed.
    Busy,
}

/// Removes an upload. Interrupted and run again, it continues: the row is deleted last.
pub(crate) async fn remove(api: &Api, upload: &Upload) -> Result<Removed, Error> {
    match api.incoming.claim(&upload.id.to_string()).await.map_err(Error::Store)? {
        Claim::Ours(arrival) => arrival.remove().await.map_err(Error::Store)?,
        Claim::Busy => return Ok(Removed::Busy),
        Claim::Missing => {}
    }
    let prefix = upload.id.to_string();
    api.store.delete_prefix(Bucket::Uploads, &prefix).await.map_err(Error::Store)?;
    let video = api.catalog.video_of(upload.id).await.map_err(Error::Catalog)?;
    if let Some(video) = video.filter(|video| video.status == Status::Uploading) {
        finish::fail(api, video.id).await?;
    }
    api.catalog.forget_upload(upload.id).await.map_err(Error::Catalog)?;
    Ok(Removed::Removed)
}
