//! An object that a program reads while we look on.
//!
//! Programs take a read error for the end of the file and end well. So what they made of an object
//! counts only when the object was read as far as they asked, and stayed the same.

use std::path::PathBuf;

use url::Url;

use crate::s3::Relay;
use crate::{Error, Object, ObjectMeta, Store};

/// Where a program reads an object. Printed, it shows no address.
#[derive(Clone, PartialEq, Eq)]
pub enum Readable {
    /// A file of the folder store, by absolute path. Never write to it.
    Path(PathBuf),
    /// An address on this machine that answers GET with ranges while the source is open. It is a
    /// secret.
    Url(Url),
}

impl std::fmt::Debug for Readable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "Path({})", path.display()),
            Self::Url(_) => write!(f, "Url(..)"),
        }
    }
}

/// The version of an object that was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The size.
    pub bytes: u64,
    /// The store's tag of the content, when it gave one.
    pub etag: Option<String>,
}

impl Version {
    /// True when a look-up shows the same, as far as both tell.
    fn fits(&self, meta: &ObjectMeta) -> bool {
        let same_tag = match (&self.etag, &meta.etag) {
            (Some(known), Some(now)) => known == now,
            _ => true,
        };
        self.bytes == meta.bytes && same_tag
    }
}

/// An object open for a program; closed when dropped.
pub struct Source {
    store: Store,
    object: Object,
    version: Version,
    readable: Readable,
    /// Present on S3.
    relay: Option<Relay>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.object)
    }
}

impl Source {
    pub(crate) fn file(store: Store, object: Object, version: Version, path: PathBuf) -> Self {
        Self { store, object, version, readable: Readable::Path(path), relay: None }
    }

    pub(crate) fn relayed(store: Store, object: Object, version: Version, relay: Relay) -> Self {
        let readable = Readable::Url(relay.url().clone());
        Self { store, object, version, readable, relay: Some(relay) }
    }

    /// Says where a program reads the object.
    pub fn readable(&self) -> &Readable {
        &self.readable
    }

    /// Does work that reads the object. An error when the object could not be read as far as the
    /// work wanted, or is not the same any more: then the work is dropped, or its result is.
    ///
    /// Work that fails while the store does not answer fails because of that.
    pub async fn during<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, Error> {
        let result = tokio::select! {
            biased;
            error = self.broken() => return Err(error),
            result = work => result,
        };
        match &self.relay {
            Some(relay) => {
                let error = relay.take_broken();
                let error = error.or_else(|| relay.take_trouble().filter(|_| result.is_err()));
                error.map_or(Ok(result), Err)
            }
            None => self.check().await.map(|()| result),
        }
    }

    async fn broken(&self) -> Error {
        match &self.relay {
            Some(relay) => relay.broken().await,
            None => std::future::pending().await,
        }
    }

    /// Fails when the file is not the one that was opened.
    async fn check(&self) -> Result<(), Error> {
        let meta = self.store.head(&self.object).await?;
        let meta = meta.ok_or_else(|| Error::NotFound { object: self.object.clone() })?;
        check(&self.object, &self.version, &meta)
    }
}

/// Fails when an object is not of this version.
pub(crate) fn check(object: &Object, version: &Version, meta: &ObjectMeta) -> Result<(), Error> {
    if version.fits(meta) {
        return Ok(());
    }
    Err(Error::Replaced { what: object.to_string() })
}
