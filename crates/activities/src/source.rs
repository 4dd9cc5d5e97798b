//! Opens sources for ffmpeg, so that a store that breaks off is not taken for the end of the file.

use contract::StoredSource;
use ffmpeg::Input;
use storage::{Object, Readable, Version};

use crate::{Deps, failure::Error};

/// A source that is open for ffmpeg; closed when dropped.
pub(crate) struct Source {
    inner: storage::Source,
    input: Input,
}

/// Opens a source in the version that was downloaded.
pub(crate) async fn open(deps: &Deps, source: &StoredSource) -> Result<Source, Error> {
    let object = Object::new(source.bucket.parse()?, &*source.key)?;
    let version = Version { bytes: source.bytes, etag: source.etag.clone() };
    let inner = deps.store.open(&object, Some(version)).await.map_err(Error::Source)?;
    let input = match inner.readable() {
        Readable::Path(path) => Input::Path(path.clone()),
        Readable::Url(url) => Input::Url(url.to_string()),
    };
    Ok(Source { inner, input })
}

impl Source {
    /// What ffmpeg is given. Whatever reads it runs within [`Source::during`].
    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// Does work that reads the source. What came of it counts only when all that was asked for
    /// could be read; otherwise it is dropped, with its processes.
    pub(crate) async fn during<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error>
    where
        Error: From<E>,
    {
        Ok(self.inner.during(work).await.map_err(Error::Source)??)
    }
}

#[cfg(test)]
mod tests;
