//! Reads and writes the objects by which encoding activities and the fan-in understand each other.

use contract::{StoredSource, VideoId};
use ffmpeg::Input;
use futures::{StreamExt, TryStreamExt, stream};
use media::{
    manifest::{AudioManifest, ChunkManifest},
    plan::Plan,
};
use serde::{Serialize, de::DeserializeOwned};
use storage::{Bucket, Created, Object, Readable, layout::Layout};

use crate::{Deps, failure::Error, fingerprint};

/// Manifests read at the same time.
const READS: usize = 16;

/// Everything that was encoded for a plan.
pub(crate) struct Encoded {
    pub(crate) chunks: Vec<ChunkManifest>,
    pub(crate) audio: Option<AudioManifest>,
}

/// What ffmpeg is given to read a stored source.
pub(crate) async fn readable(deps: &Deps, source: &StoredSource) -> Result<Input, Error> {
    let object = Object::new(source.bucket.parse()?, source.key.clone())?;
    Ok(match deps.store.readable(&object).await? {
        Readable::Path(path) => Input::Path(path),
        Readable::Url(url) => Input::Url(url.into()),
    })
}

/// Reads a small JSON object; `None` when it is not there.
pub(crate) async fn load<T: DeserializeOwned>(
    deps: &Deps,
    object: &Object,
    what: &'static str,
) -> Result<Option<T>, Error> {
    match deps.store.get_bytes(object).await {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Unreadable { what, source }),
        Err(storage::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes a small JSON object unless it is already there. The first writer decides: when another
/// was first, its version comes back.
pub(crate) async fn settle<T: Serialize + DeserializeOwned>(
    deps: &Deps,
    object: &Object,
    what: &'static str,
    mine: T,
) -> Result<(T, Created), Error> {
    let bytes = serde_json::to_vec(&mine).map_err(|source| Error::Unreadable { what, source })?;
    match deps.store.create_bytes(object, bytes).await? {
        Created::Created => Ok((mine, Created::Created)),
        Created::AlreadyExists => {
            let theirs = load(deps, object, what).await?;
            Ok((theirs.unwrap_or(mine), Created::AlreadyExists))
        }
    }
}

/// Reads every manifest of a plan, chunks in order.
pub(crate) async fn encoded(
    deps: &Deps,
    video: VideoId,
    source: &StoredSource,
    plan: &Plan,
) -> Result<Encoded, Error> {
    let layout = Layout::new(video);
    let mut chunks = Vec::new();
    if let Some(video) = &plan.video {
        let prefix = layout.chunks_prefix(&fingerprint::chunks(source, video));
        let listed = deps.store.list(Bucket::Videos, &prefix).await?;
        let reads = listed.into_iter().map(|meta| async move {
            let object = Object::new(Bucket::Videos, meta.key)?;
            load::<ChunkManifest>(deps, &object, "a chunk manifest").await
        });
        let read: Vec<_> = stream::iter(reads).buffered(READS).try_collect().await?;
        chunks.extend(read.into_iter().flatten());
    }
    let audio = match &plan.audio {
        Some(audio) => {
            let object = layout.audio(&fingerprint::audio(source, audio))?;
            load(deps, &object, "the audio manifest").await?
        }
        None => None,
    };
    Ok(Encoded { chunks, audio })
}
