//! Copies the source into the store.
//!
//! Run twice, also by a later attempt, the second run finds the record, written last, and what it
//! describes, and fetches nothing. An interrupted download continues where it stopped, if it runs
//! on the same machine.
//!
//! The source is recorded in the catalogue, and the workflow's input must agree with it. The
//! secrets of a URL are only there.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use contract::{
    ErrorCode, Source, StoredSource, VideoId,
    download_source::{Input, Output},
};
use fetch::{Downloaded, Progress};
use storage::{
    Bucket, Object,
    layout::{self, Layout},
};
use url::Url;

use crate::{
    Deps,
    failure::Error,
    given,
    manifests::{load, settle},
    observe,
    pulse::Pulse,
    room,
};

const RECORD: &str = "the source's record";
const FOLDER_PREFIX: &str = "download-";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let input = Input { source: asked(deps, &input).await?, ..input };
    match &input.source {
        Source::Object { bucket, key } => {
            let source = stored(deps, &Object::new(Bucket::named(bucket)?, key.clone())?).await?;
            return check_size(deps, source.bytes).map(|()| source);
        }
        Source::Upload { upload, file_name } => {
            let source = stored(deps, &layout::upload(upload, file_name)?).await?;
            return check_size(deps, source.bytes).map(|()| source);
        }
        Source::Url { .. } | Source::Given { .. } | Source::File { .. } => {}
    }
    let tenant = deps.catalog.get(input.video).await?.map(|video| video.tenant);
    let _turn = deps.turns.take(tenant.as_deref().unwrap_or_default()).await?;
    let layout = Layout::new(input.video);
    let record = layout.source_record()?;
    if let Some(found) = load::<StoredSource>(deps, &record, RECORD).await? {
        if let Some(source) = current(deps, found).await? {
            return Ok(source);
        }
        // A record of what is gone would fail every attempt; the address may still have it.
        deps.store.delete(&record).await?;
    }
    let object = match &input.source {
        Source::Url { url } => fetch(deps, pulse, &input, url, &layout).await?,
        Source::Given { key } => take(deps, pulse, &input, key, &layout).await?,
        Source::File { path } => copy(deps, Path::new(path), &layout).await?,
        Source::Object { .. } | Source::Upload { .. } => unreachable!("handled above"),
    };
    let (settled, _) = settle(deps, &record, RECORD, stored(deps, &object).await?).await?;
    Ok(settled)
}

/// The source that was asked for, with its secrets.
async fn asked(deps: &Deps, input: &Input) -> Result<Source, Error> {
    let video = deps.catalog.get(input.video).await?.filter(|video| !video.status.is_final());
    let found = video.map(|video| video.source);
    let found = found.filter(|source| source.redacted() == input.source.redacted());
    let allowed = found.filter(|it| deps.local_files || !matches!(it, Source::File { .. }));
    allowed.ok_or_else(|| {
        tracing::error!(video = %input.video, source = %input.source, "a source is refused");
        Error::Unauthorized("this source")
    })
}

/// A recorded source as it is now, as a store that was moved or restored gives other tags; `None` when
/// its object is gone.
pub(crate) async fn current(
    deps: &Deps,
    recorded: StoredSource,
) -> Result<Option<StoredSource>, Error> {
    let object = Object::new(recorded.bucket.parse()?, &*recorded.key)?;
    let found = deps.store.head(&object).await?;
    Ok(found.map(|meta| StoredSource { bytes: meta.bytes, etag: meta.etag, ..recorded }))
}

/// Describes an object of the store.
pub(crate) async fn stored(deps: &Deps, object: &Object) -> Result<StoredSource, Error> {
    let meta = deps.store.head(object).await?.ok_or_else(|| {
        Error::media(ErrorCode::SourceNotFound, format!("there is no object {object} in the store"))
    })?;
    Ok(StoredSource {
        bucket: object.bucket().as_str().to_owned(),
        key: object.key().to_owned(),
        bytes: meta.bytes,
        etag: meta.etag,
    })
}

/// Refuses a source of more bytes than are taken.
fn check_size(deps: &Deps, bytes: u64) -> Result<(), Error> {
    let limit = deps.fetch.max_bytes();
    if bytes <= limit {
        return Ok(());
    }
    Err(fetch::Error::TooLarge { limit }.into())
}

/// Name of the scratch folder that holds what has been fetched so far.
pub(crate) fn folder_name(video: VideoId) -> String {
    format!("{FOLDER_PREFIX}{video}")
}

/// The video of a scratch folder that holds what has been fetched so far; `None` for other folders.
pub(crate) fn video_of(folder: &str) -> Option<VideoId> {
    folder.strip_prefix(FOLDER_PREFIX)?.parse().ok()
}

async fn fetch(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    url: &str,
    layout: &Layout,
) -> Result<Object, Error> {
    let url: Url = url.parse().map_err(|error| {
        Error::media(ErrorCode::SourceForbidden, format!("this is not an address: {error}"))
    })?;
    // Partial files outlive the attempt, so that the next one can go on.
    let name = folder_name(input.video);
    let folder = deps.scratch.resumable(&name)?;
    let brought =
        room::while_there_is(|| deps.scratch.check_reserve(), bring(deps, pulse, &url, &folder));
    let fetched = match brought.await {
        Err(error) if !error.is_transient() || error.code() == ErrorCode::NoSpace => {
            deps.scratch.forget(&name)?;
            return Err(error);
        }
        fetched => fetched?,
    };
    observe::downloaded(fetched.bytes);
    let called = fetched.file_name.unwrap_or_else(|| fetched.path.to_string_lossy().into_owned());
    let object = layout.source(&called)?;
    deps.store.put_file(&object, &fetched.path).await?;
    deps.scratch.forget(&name)?;
    Ok(object)
}

/// Fetches a file, or, where the address is a web page, the video yt-dlp finds on it.
async fn bring(deps: &Deps, pulse: &Pulse, url: &Url, folder: &Path) -> Result<Downloaded, Error> {
    let beat = |progress: Progress| pulse.set(&(progress.done, progress.total));
    let fetched = deps.fetch.download(url, &folder.join("source"), beat).await?;
    if !fetched.is_html() {
        return Ok(fetched);
    }
    if deps.fetch.is_site(url).await? {
        return Ok(deps.fetch.download_site(url, folder, beat).await?);
    }
    Err(Error::media(ErrorCode::UnsupportedMedia, "the address is a web page, not a media file"))
}

/// Takes an object out of the bucket the video came with.
async fn take(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    key: &str,
    layout: &Layout,
) -> Result<Object, Error> {
    let store = given::open(deps, input.video).await?.map_err(Error::Given)?.main;
    let found = store.head(key).await.map_err(Error::Given)?;
    let absent = || Error::Given(storage::Error::Absent { key: key.to_owned() });
    let bytes = found.ok_or_else(absent)?.bytes;
    check_size(deps, bytes)?;
    let name = folder_name(input.video);
    let file = deps.scratch.resumable(&name)?.join("given");
    let arrived = AtomicU64::new(0);
    let beat = |done| {
        arrived.store(done, Ordering::Relaxed);
        pulse.set(&(done, Some(bytes)));
    };
    // The answer to HEAD is no promise: the limit holds for what arrives.
    let get = Box::pin(store.get_file(key, &file, deps.fetch.max_bytes(), beat));
    let moving = async {
        match deps.fetch.while_it_moves(&arrived, get).await? {
            Err(storage::Error::TooLarge { most }) => {
                Err(fetch::Error::TooLarge { limit: most }.into())
            }
            got => got.map_err(Error::Given),
        }
    };
    let got = room::while_there_is(|| deps.scratch.check_reserve(), moving).await;
    if let Err(error) = got {
        if matches!(error.code(), ErrorCode::SourceTooLarge | ErrorCode::NoSpace) {
            deps.scratch.forget(&name)?;
        }
        return Err(error);
    }
    let object = layout.source(key)?;
    deps.store.put_file(&object, &file).await?;
    deps.scratch.forget(&name)?;
    Ok(object)
}

async fn copy(deps: &Deps, path: &Path, layout: &Layout) -> Result<Object, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let object = layout.source(&name)?;
    match deps.store.copy_file(&object, path).await {
        Ok(()) => Ok(object),
        Err(storage::Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::media(
                ErrorCode::SourceNotFound,
                format!("there is no file {}", path.display()),
            ))
        }
        Err(error) => Err(error.into()),
    }
}
