//! Removes what a video no longer needs. Run twice, the second run finds nothing to remove.
//!
//! The end of an attempt never removes the source: an upload, a download, or an object in a bucket.
//! Only `delete_video` does, when the user asks for it or the video was kept long enough.

use std::collections::BTreeSet;

use contract::{
    Status, VideoId,
    clean_up::{After, Input, Output},
};
use storage::{Bucket, Object, layout::Layout};

use crate::{Deps, download_source, export_video, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    deps.scratch.forget(&download_source::folder_name(input.video))?;
    match input.after {
        After::Abandoned => abandon(deps, &input).await,
        After::Ready => {
            let losers = remove_unnamed(deps, &layout).await?;
            deps.store.delete(&layout.rewritten_source()?).await?;
            let work = deps.store.delete_prefix(Bucket::Videos, &layout.work_prefix()).await?;
            Ok(losers + work)
        }
    }
}

/// Removes what an attempt made, if no later attempt is at work on it by now. Of a video that was
/// deleted meanwhile, it removes what came into the store after the deletion.
async fn abandon(deps: &Deps, input: &Input) -> Result<u64, Error> {
    let Some(video) = deps.catalog.get(input.video).await? else {
        return remove_all(deps, input.video).await;
    };
    let over = input.attempt.is_some_and(|attempt| attempt != video.attempt);
    // No attempt is given up at a video that can be played.
    if over || video.status == Status::Ready {
        return Ok(0);
    }
    let layout = Layout::new(input.video);
    let mut removed = remove_beside(deps, input.video).await?;
    for prefix in [layout.outputs_prefix(), layout.chapters_prefix(), layout.work_prefix()] {
        removed += deps.store.delete_prefix(Bucket::Videos, &prefix).await?;
    }
    deps.store.delete(&layout.rewritten_source()?).await?;
    Ok(removed)
}

/// Removes every object of a video, in every store, and the upload it was made from.
pub(crate) async fn remove_all(deps: &Deps, video: VideoId) -> Result<u64, Error> {
    let prefix = Layout::new(video).prefix();
    if let Some(upload) = deps.catalog.get(video).await?.and_then(|video| video.upload) {
        deps.store.delete_prefix(Bucket::Uploads, &upload.to_string()).await?;
    }
    let beside = remove_beside(deps, video).await?;
    Ok(beside + deps.store.delete_prefix(Bucket::Videos, &prefix).await?)
}

/// Removes what a video has outside its own folder: copies, master copy and still pictures.
async fn remove_beside(deps: &Deps, video: VideoId) -> Result<u64, Error> {
    let prefix = Layout::new(video).prefix();
    let copies = export_video::remove(deps, video).await?;
    let masters = deps.mezzanine.delete_prefix(Bucket::Mezzanine, &prefix).await?;
    let stills = deps.store.delete_prefix(Bucket::Thumbnails, &prefix).await?;
    Ok(copies + masters + stills)
}

/// Removes segments that no playlist names: those of attempts that lost.
async fn remove_unnamed(deps: &Deps, layout: &Layout) -> Result<u64, Error> {
    let outputs = deps.store.list(Bucket::Videos, &layout.outputs_prefix()).await?;
    let mut named = BTreeSet::new();
    for meta in outputs.iter().filter(|meta| meta.key.ends_with("/index.m3u8")) {
        let object = Object::new(Bucket::Videos, meta.key.clone())?;
        let text = deps.store.get_bytes(&object).await?;
        // What a shorter text does not name would be removed.
        if text.len() as u64 != meta.bytes {
            let (read, listed) = (text.len(), meta.bytes);
            return Err(Error::Read(format!("{read} bytes of {object}, which has {listed}")));
        }
        let folder = meta.key.trim_end_matches("index.m3u8");
        let text = String::from_utf8_lossy(&text);
        let uris = media::playlist::segment_uris(&text);
        // Addresses may be absolute; what a rendition's playlist names lies beside it all the same.
        let beside = uris.into_iter().filter_map(|uri| uri.rsplit('/').next());
        named.extend(beside.map(|name| format!("{folder}{name}")));
    }
    let mut removed = 0;
    let is_segment =
        |key: &str| key.rsplit_once('.').is_some_and(|(_, extension)| extension == "m4s");
    for meta in outputs.iter().filter(|meta| is_segment(&meta.key) && !named.contains(&meta.key)) {
        deps.store.delete(&Object::new(Bucket::Videos, meta.key.clone())?).await?;
        removed += 1;
    }
    Ok(removed)
}
