//! The two kinds of places a video is exported to: below a prefix of our own bucket `published`, and
//! buckets of the customer's.

use contract::{Destination, ErrorCode, Export, VideoId, export_video::Input};
use serde::{Deserialize, Serialize};
use storage::{Bucket, External, Object, layout};

use super::{home, names::entries};
use crate::{
    Deps,
    failure::Error,
    fingerprint,
    given::{self, Given},
    manifests::load,
};

const RECORD: &str = "the record of an export";
/// Marks playlists, which are written again each time.
const PLAYLIST: &str = "playlist";

/// An open destination.
pub(super) enum Target {
    /// Below a prefix, by the video that has it now.
    Published { video: VideoId, prefix: String, entries: [String; 2] },
    /// The customer's, with the keys at which players begin.
    Given { given: Box<Given>, entries: [String; 2] },
}

/// What lies below a prefix and of which video: the master playlist is the last key.
#[derive(Debug, Serialize, Deserialize)]
struct Exported {
    video: VideoId,
    keys: Vec<String>,
}

impl Target {
    pub(super) async fn open(deps: &Deps, input: &Input) -> Result<Self, Error> {
        let (video, entries) = (input.video, entries(input));
        Ok(match input.export.to {
            Destination::Published => {
                Self::Published { video, prefix: input.export.outputs.clone(), entries }
            }
            Destination::Given => {
                let given = given::open(deps, video).await?.map_err(Error::Destination)?;
                Self::Given { given: Box::new(given), entries }
            }
        })
    }

    /// Name of the bucket players' files go to.
    pub(super) fn bucket(&self) -> &str {
        match self {
            Self::Published { .. } => Bucket::Published.as_str(),
            Self::Given { given, .. } => &given.bucket,
        }
    }

    /// Takes the place over: what is there can no longer be played from here on.
    pub(super) async fn begin(&self, deps: &Deps, keys: &[String]) -> Result<(), Error> {
        match self {
            Self::Published { video, prefix, entries } => {
                let exported = Exported { video: *video, keys: keys.to_vec() };
                take_over(deps, prefix, entries, exported).await
            }
            Self::Given { given, entries } => {
                for key in entries {
                    withdraw(&given.main, key).await.map_err(Error::Destination)?;
                }
                Ok(())
            }
        }
    }

    /// True when another video has taken the place over meanwhile; what was copied there is gone then.
    pub(super) async fn is_lost(&self, deps: &Deps, keys: &[String]) -> Result<bool, Error> {
        let Self::Published { video, prefix, .. } = self else { return Ok(false) };
        let record = layout::export_record(prefix)?;
        let found = load::<Exported>(deps, &record, RECORD).await?;
        let theirs = match found {
            Some(found) if found.video == *video => return Ok(false),
            found => found.map(|found| found.keys).unwrap_or_default(),
        };
        for key in keys.iter().filter(|key| !theirs.contains(key)) {
            deps.store.delete(&Object::new(Bucket::Published, key.clone())?).await?;
        }
        Ok(true)
    }

    /// Copies one object of the video, and answers its size. Run twice, it copies nothing again to a
    /// bucket of the customer's.
    pub(super) async fn copy(&self, deps: &Deps, from: &Object, key: String) -> Result<u64, Error> {
        let store = home(deps, from);
        let missing = || storage::Error::NotFound { object: from.clone() };
        let meta = store.head(from).await?.ok_or_else(missing)?;
        match self {
            Self::Published { .. } => {
                store.copy(from, &Object::new(Bucket::Published, key)?).await?;
            }
            Self::Given { given, .. } => {
                let external = match from.bucket() {
                    Bucket::Mezzanine => &given.mezzanine,
                    _ => &given.main,
                };
                let mark =
                    fingerprint::input("export", &(from.to_string(), meta.bytes, &meta.etag));
                let found = external.head(&key).await.map_err(Error::Destination)?;
                if !found.is_some_and(|found| {
                    found.mark.as_ref() == Some(&mark) && found.bytes == meta.bytes
                }) {
                    send(deps, from, external, &key, &mark).await?;
                }
            }
        }
        Ok(meta.bytes)
    }

    /// Writes a playlist.
    pub(super) async fn write(&self, deps: &Deps, key: &str, text: String) -> Result<(), Error> {
        match self {
            Self::Published { .. } => {
                Ok(deps.store.put_bytes(&Object::new(Bucket::Published, key)?, text).await?)
            }
            Self::Given { given, .. } => {
                given.main.put_bytes(key, text, PLAYLIST).await.map_err(Error::Destination)
            }
        }
    }
}

/// Sends an object, by way of scratch space where the store is not a folder.
async fn send(
    deps: &Deps,
    from: &Object,
    to: &External,
    key: &str,
    mark: &str,
) -> Result<(), Error> {
    let store = home(deps, from);
    if let Some(path) = store.local_path(from) {
        return to.put_file(key, &path, mark).await.map_err(Error::Destination);
    }
    let scratch = deps.scratch.attempt("export")?;
    let file = scratch.path().join("file");
    store.get_file(from, &file).await?;
    to.put_file(key, &file, mark).await.map_err(Error::Destination)
}

/// Removes a playlist that was there before. Keys that may not delete are no reason to stop: then
/// what was there is replaced file by file.
async fn withdraw(store: &External, key: &str) -> Result<(), storage::Error> {
    if store.head(key).await?.is_none() {
        return Ok(());
    }
    match store.delete(key).await {
        Err(error @ storage::Error::Denied { .. }) => {
            tracing::warn!(%error, key, "an earlier playlist stays until it is replaced");
            Ok(())
        }
        done => done,
    }
}

/// Writes down who has the prefix now, after what players begin with of who had it, and then what is not
/// replaced, are gone. A prefix that holds a video of another tenant is not taken.
async fn take_over(
    deps: &Deps,
    prefix: &str,
    entries: &[String],
    now: Exported,
) -> Result<(), Error> {
    let record = layout::export_record(prefix)?;
    let mut gone = Vec::new();
    if let Some(before) = load::<Exported>(deps, &record, RECORD).await? {
        refuse_other_tenant(deps, prefix, before.video, now.video).await?;
        gone = before.keys;
    }
    gone.retain(|key| entries.contains(key) || !now.keys.contains(key));
    gone.sort_by_key(|key| !entries.contains(key));
    for key in gone {
        deps.store.delete(&Object::new(Bucket::Published, key)?).await?;
    }
    let bytes = serde_json::to_vec(&now);
    let bytes = bytes.map_err(|source| Error::Unreadable { what: RECORD, source })?;
    Ok(deps.store.put_bytes(&record, bytes).await?)
}

/// Prefixes made before tenants' names had an alphabet may be the same for two of them.
async fn refuse_other_tenant(
    deps: &Deps,
    prefix: &str,
    before: VideoId,
    now: VideoId,
) -> Result<(), Error> {
    let Some(before) = deps.catalog.get(before).await? else { return Ok(()) };
    let now = deps.catalog.get(now).await?;
    if now.is_none_or(|now| now.tenant == before.tenant) {
        return Ok(());
    }
    let message = format!("the prefix {prefix} holds a video of another tenant");
    Err(Error::media(ErrorCode::ExportFailed, message))
}

/// Removes what a video exported into our own store, unless another has its prefix by now, and answers
/// how many objects that were. What is in a customer's bucket is the customer's. Run twice, the second
/// run finds nothing.
pub(crate) async fn remove(deps: &Deps, video: VideoId) -> Result<u64, Error> {
    let export = deps.catalog.get(video).await?.and_then(|video| video.export);
    let Some(Export { to: Destination::Published, outputs, .. }) = export else { return Ok(0) };
    let record = layout::export_record(&outputs)?;
    let found = load::<Exported>(deps, &record, RECORD).await?;
    let Some(mine) = found.filter(|found| found.video == video) else { return Ok(0) };
    for key in mine.keys.iter().rev() {
        deps.store.delete(&Object::new(Bucket::Published, key.clone())?).await?;
    }
    deps.store.delete(&record).await?;
    Ok(mine.keys.len() as u64)
}
