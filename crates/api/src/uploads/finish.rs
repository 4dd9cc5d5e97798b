//! Finishes an upload: moves it into the store, records it in the catalogue, starts its video.
//!
//! Each step continues from what the one before left, so that the next check resumes after any
//! crash.

use std::{sync::Arc, time::Duration};

use catalog::{Upload, UploadStatus, UploadWay};
use contract::{
    ErrorCode, Failure, UploadId, VideoId,
    completion::{Input, Outcome},
};
use storage::{Bucket, Claim, layout};

use crate::{Api, Error, problem::chain, temporal};

/// How long a request waits until an upload is finished, which then continues in the background.
const WAIT: Duration = Duration::from_secs(5);

/// The status of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The number of bytes that have arrived.
    Arriving {
        /// Bytes that survive a power cut.
        bytes: u64,
    },
    /// It is in the store.
    Finished,
    /// Nothing of it is here: it arrives at another process, or its bytes were lost.
    Gone,
}

/// Says where an upload stands, and finishes it when all of it has arrived. A move into the store
/// that takes long, or fails, does not concern the sender: it continues, or is retried.
pub(crate) async fn soon(api: &Arc<Api>, upload: &Upload) -> Result<Standing, Error> {
    let (ours, theirs) = (Arc::clone(api), upload.clone());
    let ending = tokio::spawn(async move {
        let stands = settle(&ours, &theirs).await;
        if let Err(error) = &stands {
            let error = chain(error);
            tracing::warn!(upload = %theirs.id, error, "an upload cannot be finished yet");
        }
        stands
    });
    let arrived = Standing::Arriving { bytes: upload.bytes };
    match tokio::time::timeout(WAIT, ending).await {
        Ok(Ok(Ok(standing))) => Ok(standing),
        // Only bytes that are stored may be acknowledged.
        Ok(_) => standing(api, upload).await,
        Err(_) => Ok(arrived),
    }
}

/// Finishes an upload if all of it has arrived. Run twice, also at once, it is finished once.
pub(super) async fn settle(api: &Api, upload: &Upload) -> Result<Standing, Error> {
    let now = standing(api, upload).await?;
    match (now, upload.way) {
        (Standing::Finished, _) => release(api, upload.id).await.map(|()| now),
        (Standing::Arriving { bytes }, UploadWay::Tus) if bytes == upload.bytes => {
            bring(api, upload).await
        }
        (Standing::Arriving { .. }, UploadWay::Tus) => Ok(now),
        // A process that died behind the move left the object, and no file.
        (Standing::Gone, _) | (Standing::Arriving { .. }, UploadWay::Presigned) => {
            look(api, upload, now).await
        }
    }
}

/// The status of an upload, without changing anything.
async fn standing(api: &Api, upload: &Upload) -> Result<Standing, Error> {
    if upload.status == UploadStatus::Finished {
        return Ok(Standing::Finished);
    }
    if upload.way == UploadWay::Presigned {
        return Ok(Standing::Arriving { bytes: 0 });
    }
    let arrived = api.incoming.bytes(&upload.id.to_string()).await.map_err(Error::Store)?;
    Ok(arrived.map_or(Standing::Gone, |bytes| Standing::Arriving { bytes }))
}

/// Moves a complete file into the store.
async fn bring(api: &Api, upload: &Upload) -> Result<Standing, Error> {
    match api.incoming.claim(&upload.id.to_string()).await.map_err(Error::Store)? {
        Claim::Ours(arrival) if arrival.bytes() == upload.bytes => {
            let object = layout::upload(upload.id, &upload.file_name).map_err(Error::Store)?;
            api.store.put_file(&object, arrival.path()).await.map_err(Error::Store)?;
            record(api, upload).await
        }
        Claim::Ours(arrival) => Ok(Standing::Arriving { bytes: arrival.bytes() }),
        // Somebody else is just finishing it.
        Claim::Busy => Ok(Standing::Arriving { bytes: upload.bytes }),
        Claim::Missing => look(api, upload, Standing::Gone).await,
    }
}

/// Finishes an upload whose object is in the store; else it stands as before.
async fn look(api: &Api, upload: &Upload, before: Standing) -> Result<Standing, Error> {
    let object = layout::upload(upload.id, &upload.file_name).map_err(Error::Store)?;
    let found = api.store.head(&object).await.map_err(Error::Store)?;
    if found.is_some_and(|found| found.bytes == upload.bytes) {
        return record(api, upload).await;
    }
    Ok(before)
}

async fn record(api: &Api, upload: &Upload) -> Result<Standing, Error> {
    if api.catalog.finish_upload(upload.id).await.map_err(Error::Catalog)? {
        tracing::info!(upload = %upload.id, bytes = upload.bytes, "an upload is in the store");
    } else if api.catalog.upload(upload.id).await.map_err(Error::Catalog)?.is_none() {
        // Removed with its video while the file was on its way into the store.
        let prefix = upload.id.to_string();
        api.store.delete_prefix(Bucket::Uploads, &prefix).await.map_err(Error::Store)?;
        return Ok(Standing::Gone);
    }
    release(api, upload.id).await?;
    Ok(Standing::Finished)
}

/// Lets the video of a finished upload begin. Run twice, it begins once. The upload of a cancelled
/// video is kept as long as the video; of one whose files are removed, nothing is.
pub(crate) async fn release(api: &Api, upload: UploadId) -> Result<(), Error> {
    let Some(video) = api.catalog.video_of(upload).await.map_err(Error::Catalog)? else {
        return Ok(());
    };
    if video.removal.is_some() {
        let prefix = upload.to_string();
        let removed = api.store.delete_prefix(Bucket::Uploads, &prefix).await;
        return removed.map(drop).map_err(Error::Store);
    }
    if api.catalog.release(video.id).await.map_err(Error::Catalog)?
        && let Some(video) = api.catalog.get(video.id).await.map_err(Error::Catalog)?
    {
        // Without a workflow it waits for the next look through all videos.
        Box::pin(temporal::start(api, &video)).await?;
    }
    Ok(())
}

/// Fails a video whose upload will never come. Run twice it changes nothing.
pub(crate) async fn fail(api: &Api, video: VideoId) -> Result<(), Error> {
    let message = "its upload was removed before all of it had arrived; upload the file again, and \
                   submit a new video";
    let failure = Failure { code: ErrorCode::SourceNotFound, message: message.to_owned() };
    let outcome = Outcome::Failed { failure, warnings: Vec::new() };
    let end = Input { video, attempt: 1, outcome };
    api.catalog.finish(&end).await.map(drop).map_err(Error::Catalog)
}
