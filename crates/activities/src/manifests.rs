//! Reads and writes the objects by which encoding activities and the fan-in understand each other.

use contract::{StoredSource, VideoId};
use futures::{StreamExt, TryStreamExt, stream};
use media::{
    manifest::{AudioManifest, ChunkManifest, RenditionManifest, Segment},
    plan::Plan,
};
use serde::{Serialize, de::DeserializeOwned};
use storage::{Bucket, Bytes, Created, Object, layout::Layout};

use crate::{Deps, failure::Error, fingerprint};

/// Manifests read at the same time.
const READS: usize = 16;

/// Everything that was encoded for a plan.
pub(crate) struct Encoded {
    pub(crate) chunks: Vec<ChunkManifest>,
    pub(crate) audio: Vec<AudioManifest>,
}

impl Encoded {
    /// All segments of one rendition, those of a rung joined over its chunks; `None` when nothing of
    /// it was encoded.
    pub(crate) fn rendition(&self, name: &str) -> Option<RenditionManifest> {
        let chunks = self.chunks.iter().flat_map(|chunk| &chunk.renditions);
        let sound = self.audio.iter().flat_map(|track| &track.renditions);
        let mut parts = chunks.chain(sound).filter(|part| part.name == name);
        let mut whole = parts.next()?.clone();
        parts.for_each(|part| whole.segments.extend(part.segments.iter().cloned()));
        Some(whole)
    }
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

/// Does a piece of work, which starts when it is awaited, unless its record is there, and leaves the record, written last. The first
/// record decides; whether this run wrote it comes back too.
pub(crate) async fn once<T: Serialize + DeserializeOwned>(
    deps: &Deps,
    record: &Object,
    what: &'static str,
    make: impl Future<Output = Result<T, Error>>,
) -> Result<(T, Created), Error> {
    match load(deps, record, what).await? {
        Some(found) => Ok((found, Created::AlreadyExists)),
        None => settle(deps, record, what, make.await?).await,
    }
}

/// Reads a stored segment, which has the size that its manifest says.
pub(crate) async fn segment(
    deps: &Deps,
    layout: &Layout,
    rendition: &str,
    segment: &Segment,
) -> Result<Bytes, Error> {
    let object = layout.rendition_file(rendition, &segment.name)?;
    let bytes = deps.store.get_bytes(&object).await?;
    if bytes.len() as u64 != segment.bytes {
        let (read, made) = (bytes.len(), segment.bytes);
        return Err(Error::Read(format!("{read} bytes of {object}, which has {made}")));
    }
    Ok(bytes)
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
    let mut audio = Vec::new();
    for track in &plan.audio {
        let object = layout.audio(&fingerprint::audio(source, track))?;
        audio.extend(load::<AudioManifest>(deps, &object, "the audio manifest").await?);
    }
    Ok(Encoded { chunks, audio })
}
