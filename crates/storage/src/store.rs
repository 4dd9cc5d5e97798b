//! One interface over both stores.
//!
//! Owns what every store promises, and nothing of how: that is `folder` and `s3`.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use crate::folder::Folder;
use crate::object::check_prefix;
use crate::s3::S3;
use crate::source::{self, Source, Version};
use crate::{Bucket, Bytes, Error, Object, ObjectMeta, PresignedPut, S3Config};

/// What a conditional creation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The object is ours.
    Created,
    /// Somebody was first; their object is untouched.
    AlreadyExists,
}

/// An object store, in a folder or on S3. Cheap to clone.
///
/// An object appears whole or not at all, also when a call fails, is dropped midway or the
/// process dies. Every call may be run twice: the second time changes nothing, unless its
/// description says otherwise.
#[derive(Clone)]
pub struct Store {
    /// `None` where every call fails.
    kind: Option<Arc<Kind>>,
}

enum Kind {
    Folder(Folder),
    S3(S3),
}

impl Store {
    /// Opens the store in a folder, creating the folder and one sub-folder per bucket.
    pub fn open_folder(root: &Path) -> Result<Self, Error> {
        Self::open_folder_beside(root, 0)
    }

    /// The same; what would leave less than `reserve_bytes` of its disk free is refused with
    /// [`Error::NoSpace`].
    pub fn open_folder_beside(root: &Path, reserve_bytes: u64) -> Result<Self, Error> {
        Ok(Self { kind: Some(Arc::new(Kind::Folder(Folder::open(root, reserve_bytes)?))) })
    }

    /// Opens the store on S3. Loads credentials, but makes no request to the store.
    pub async fn open_s3(config: &S3Config) -> Result<Self, Error> {
        let s3 = Box::pin(S3::open(config)).await?;
        Ok(Self { kind: Some(Arc::new(Kind::S3(s3))) })
    }

    /// The store of a process that uses none: every call fails with [`Error::NotOpened`].
    pub fn absent() -> Self {
        Self { kind: None }
    }

    fn kind(&self) -> Result<&Kind, Error> {
        self.kind.as_deref().ok_or(Error::NotOpened { what: "the store" })
    }

    /// Creates the buckets that do not exist yet, with access for players and senders on any web page
    /// (CORS).
    pub async fn ensure_buckets(&self) -> Result<(), Error> {
        match self.kind()? {
            Kind::Folder(folder) => folder.ensure_buckets().await,
            Kind::S3(s3) => s3.ensure_buckets().await,
        }
    }

    /// Writes an object, replacing what is there. For small objects: all of it is in memory.
    pub async fn put_bytes(&self, object: &Object, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        match self.kind()? {
            Kind::Folder(folder) => folder.put_bytes(object, bytes).await,
            Kind::S3(s3) => s3.put_bytes(object, bytes).await,
        }?;
        count(object, size);
        Ok(())
    }

    /// Writes an object unless it exists: of any number of racing creators exactly one wins.
    ///
    /// Run twice, it answers [`Created::AlreadyExists`]. On S3 so may the very first call, when
    /// the answer to it was lost and the client asked again.
    pub async fn create_bytes(
        &self,
        object: &Object,
        bytes: impl Into<Bytes>,
    ) -> Result<Created, Error> {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        let created = match self.kind()? {
            Kind::Folder(folder) => folder.create_bytes(object, bytes).await,
            Kind::S3(s3) => s3.create_bytes(object, bytes).await,
        }?;
        if created == Created::Created {
            count(object, size);
        }
        Ok(created)
    }

    /// Puts a finished local file into the store, replacing what is there, and consumes the file.
    ///
    /// In a folder on the same file system this is a rename, durable when the call returns.
    /// Run twice, it fails with [`Error::Io`], because the file is gone; after a failure the
    /// file may still be there.
    pub async fn put_file(&self, object: &Object, source: &Path) -> Result<(), Error> {
        // Read before the file is gone; a missing one is for the store to complain about.
        let size = fs_err::tokio::metadata(source).await.map_or(0, |meta| meta.len());
        match self.kind()? {
            Kind::Folder(folder) => folder.put_file(object, source).await,
            Kind::S3(s3) => s3.put_file(object, source).await,
        }?;
        count(object, size);
        Ok(())
    }

    /// Copies a local file into the store, replacing what is there; the file stays as it is, and
    /// later changes to it do not reach the store.
    pub async fn copy_file(&self, object: &Object, source: &Path) -> Result<(), Error> {
        let size = fs_err::tokio::metadata(source).await.map_or(0, |meta| meta.len());
        match self.kind()? {
            Kind::Folder(folder) => folder.copy_file(object, source).await,
            Kind::S3(s3) => s3.copy_file(object, source).await,
        }?;
        count(object, size);
        Ok(())
    }

    /// Copies an object inside the store, replacing what is there, without moving its bytes through
    /// this process. Later changes to one of the two do not reach the other.
    pub async fn copy(&self, from: &Object, to: &Object) -> Result<(), Error> {
        match self.kind()? {
            Kind::Folder(folder) => folder.copy(from, to).await,
            Kind::S3(s3) => s3.copy(from, to).await,
        }
    }

    /// Reads an object into memory: only for those known to be small.
    pub async fn get_bytes(&self, object: &Object) -> Result<Bytes, Error> {
        match self.kind()? {
            Kind::Folder(folder) => folder.get_bytes(object).await,
            Kind::S3(s3) => s3.get_bytes(object).await,
        }
    }

    /// Copies an object to a local file, which appears whole or not at all, replacing what is
    /// there. Missing folders are made.
    pub async fn get_file(&self, object: &Object, dest: &Path) -> Result<(), Error> {
        match self.kind()? {
            Kind::Folder(folder) => folder.get_file(object, dest).await,
            Kind::S3(s3) => s3.get_file(object, dest).await,
        }
    }

    /// Looks an object up; `None` when it does not exist.
    pub async fn head(&self, object: &Object) -> Result<Option<ObjectMeta>, Error> {
        match self.kind()? {
            Kind::Folder(folder) => folder.head(object).await,
            Kind::S3(s3) => s3.head(object).await,
        }
    }

    /// Lists everything below a prefix, at any depth, sorted by the bytes of the key.
    ///
    /// The prefix is whole segments (`a/b` or `a/b/`, never the start of a segment); the object
    /// named exactly like it is not below it. The empty prefix lists the bucket.
    pub async fn list(&self, bucket: Bucket, prefix: &str) -> Result<Vec<ObjectMeta>, Error> {
        let prefix = check_prefix(prefix)?;
        match self.kind()? {
            Kind::Folder(folder) => folder.list(bucket, prefix).await,
            Kind::S3(s3) => s3.list(bucket, prefix).await,
        }
    }

    /// Deletes an object; one that does not exist is deleted already.
    pub async fn delete(&self, object: &Object) -> Result<(), Error> {
        match self.kind()? {
            Kind::Folder(folder) => folder.delete(object).await,
            Kind::S3(s3) => s3.delete(object).await,
        }
    }

    /// Deletes everything that [`Store::list`] finds below a prefix, with what half-finished
    /// writes left there, and returns how many objects that were.
    ///
    /// The empty prefix is refused: a lost id must not empty a bucket.
    pub async fn delete_prefix(&self, bucket: Bucket, prefix: &str) -> Result<u64, Error> {
        let prefix = check_prefix(prefix)?;
        if prefix.is_empty() {
            let rule = "deleting by prefix needs one";
            return Err(Error::InvalidKey { key: String::new(), rule });
        }
        match self.kind()? {
            Kind::Folder(folder) => folder.delete_prefix(bucket, prefix).await,
            Kind::S3(s3) => s3.delete_prefix(bucket, prefix).await,
        }
    }

    /// Opens an object for a program that reads it by itself, in the version that was seen before,
    /// or as it is now.
    ///
    /// Fails with [`Error::Replaced`] when it is of another version, here or while it is read.
    pub async fn open(&self, object: &Object, version: Option<Version>) -> Result<Source, Error> {
        let (store, named) = (self.clone(), object.clone());
        match (self.kind()?, version) {
            // The first bytes tell.
            (Kind::S3(s3), Some(version)) => {
                let relay = s3.relay(object, &version).await?;
                Ok(Source::relayed(store, named, version, relay))
            }
            (kind, version) => {
                let missing = || Error::NotFound { object: object.clone() };
                let meta = self.head(object).await?.ok_or_else(missing)?;
                if let Some(version) = &version {
                    source::check(object, version, &meta)?;
                }
                let version = Version { bytes: meta.bytes, etag: meta.etag };
                match kind {
                    Kind::Folder(folder) => {
                        Ok(Source::file(store, named, version, folder.path(object)))
                    }
                    Kind::S3(s3) => {
                        let relay = s3.relay(object, &version).await?;
                        Ok(Source::relayed(store, named, version, relay))
                    }
                }
            }
        }
    }

    /// Returns the file that is an object of the folder store; `None` on S3. Does not look whether it
    /// exists. Never write to it.
    pub fn local_path(&self, object: &Object) -> Option<PathBuf> {
        match self.kind.as_deref()? {
            Kind::Folder(folder) => Some(folder.path(object)),
            Kind::S3(_) => None,
        }
    }

    /// Signs an address to which a file of exactly `bytes` can be sent for 12 hours, straight into
    /// the store; `None` in a folder, which nobody can reach. What is sent twice replaces itself.
    pub async fn presign_put(
        &self,
        object: &Object,
        bytes: u64,
        content_type: &str,
    ) -> Result<Option<PresignedPut>, Error> {
        match self.kind()? {
            Kind::Folder(_) => Ok(None),
            Kind::S3(s3) => s3.presign_put(object, bytes, content_type).await.map(Some),
        }
    }

    /// Returns the root of the folder store, which holds one folder per bucket; `None` on S3.
    pub fn folder_root(&self) -> Option<&Path> {
        match self.kind.as_deref()? {
            Kind::Folder(folder) => Some(folder.root()),
            Kind::S3(_) => None,
        }
    }

    /// Checks that every bucket can be written, read and deleted from, with a tiny object whose name no
    /// other call and no other process uses.
    pub async fn check(&self) -> Result<(), Error> {
        static PROCESS: LazyLock<u64> =
            LazyLock::new(|| RandomState::new().build_hasher().finish());
        static CHECKS: AtomicU64 = AtomicU64::new(0);
        let number = CHECKS.fetch_add(1, Ordering::Relaxed);
        let checks = Bucket::ALL.map(|bucket| async move {
            let key = format!(".check-{:016x}-{number}", *PROCESS);
            let object = Object::new(bucket, key)?;
            self.put_bytes(&object, Bytes::from_static(b"ok")).await?;
            self.get_bytes(&object).await?;
            self.delete(&object).await
        });
        futures::future::try_join_all(checks).await.map(|_| ())
    }

    /// Checks that every bucket is there and answers; writes nothing.
    pub async fn look(&self) -> Result<(), Error> {
        match self.kind()? {
            Kind::Folder(folder) => folder.look().await,
            Kind::S3(s3) => s3.look().await,
        }
    }
}

/// Counts what was written.
fn count(object: &Object, bytes: u64) {
    metrics::counter!("millrace_stored_bytes_total", "bucket" => object.bucket().as_str())
        .increment(bytes);
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind.as_deref() {
            Some(Kind::Folder(folder)) => write!(f, "Store(folder {})", folder.root().display()),
            Some(Kind::S3(_)) => f.write_str("Store(s3)"),
            None => f.write_str("Store(absent)"),
        }
    }
}
