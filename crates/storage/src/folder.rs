//! The store in a folder: one sub-folder per bucket, one file per object.
//!
//! Owns the mapping of objects to paths. Staged writes, conditional creation and listings are
//! `object_store`'s; finished local files are moved in by `place`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::place::{self, Durability};
use crate::scratch::check_free;
use crate::store::Created;
use crate::{Bucket, Bytes, Error, Object, ObjectMeta};

/// A store whose objects are files.
pub(crate) struct Folder {
    root: PathBuf,
    /// One per bucket, in the order of [`Bucket::ALL`].
    buckets: Vec<Arc<LocalFileSystem>>,
    /// Bytes of its disk that stay free.
    reserve_bytes: u64,
}

impl Folder {
    pub(crate) fn open(root: &Path, reserve_bytes: u64) -> Result<Self, Error> {
        let local = |source| Error::local(root, source);
        fs::create_dir_all(root).map_err(local)?;
        let root = fs::canonicalize(root).map_err(local)?;
        let buckets = Bucket::ALL
            .into_iter()
            .map(|bucket| {
                let path = root.join(bucket.as_str());
                fs::create_dir_all(&path).map_err(|source| Error::local(&path, source))?;
                let store = LocalFileSystem::new_with_prefix(&path)
                    .map_err(|error| failure(&path, error))?;
                // Deleting one object keeps its folder: removing it could fail a write beside it.
                Ok(Arc::new(store.with_fsync(true).with_automatic_cleanup(false)))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { root, buckets, reserve_bytes })
    }

    /// Refuses what would leave less than the reserve: the catalogue may lie on the same disk, and
    /// must be able to say how a video ended.
    fn check_space(&self, bytes: u64) -> Result<(), Error> {
        match self.reserve_bytes {
            0 => Ok(()),
            reserve => check_free(&self.root, reserve.saturating_add(bytes)),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) async fn ensure_buckets(&self) -> Result<(), Error> {
        for bucket in Bucket::ALL {
            let path = self.root.join(bucket.as_str());
            fs::tokio::create_dir_all(&path).await.map_err(|source| Error::local(&path, source))?;
        }
        Ok(())
    }

    pub(crate) async fn look(&self) -> Result<(), Error> {
        for bucket in Bucket::ALL {
            let path = self.root.join(bucket.as_str());
            let mut entries =
                fs::tokio::read_dir(&path).await.map_err(|source| Error::local(&path, source))?;
            entries.next_entry().await.map_err(|source| Error::local(&path, source))?;
        }
        Ok(())
    }

    pub(crate) async fn put_bytes(&self, object: &Object, bytes: Bytes) -> Result<(), Error> {
        self.check_space(bytes.len() as u64)?;
        let payload = PutPayload::from_bytes(bytes);
        let put = self.bucket(object.bucket()).put(&location(object.key()), payload).await;
        put.map(|_| ()).map_err(|error| self.object_failure(object, error))
    }

    pub(crate) async fn create_bytes(
        &self,
        object: &Object,
        bytes: Bytes,
    ) -> Result<Created, Error> {
        self.check_space(bytes.len() as u64)?;
        let location = location(object.key());
        let payload = PutPayload::from_bytes(bytes);
        let store = self.bucket(object.bucket());
        match store.put_opts(&location, payload, PutMode::Create.into()).await {
            Ok(_) => Ok(Created::Created),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::AlreadyExists),
            Err(error) => Err(self.object_failure(object, error)),
        }
    }

    pub(crate) async fn put_file(&self, object: &Object, source: &Path) -> Result<(), Error> {
        self.check_space(0)?;
        let dest = self.path(object);
        place::move_file(source, &dest).await.map_err(|error| taken_failure(source, &dest, error))
    }

    pub(crate) async fn copy_file(&self, object: &Object, source: &Path) -> Result<(), Error> {
        let bytes = fs::tokio::metadata(source).await.map_or(0, |found| found.len());
        self.check_space(bytes)?;
        let dest = self.path(object);
        let copied = place::copy_file(source, &dest, Durability::Durable).await;
        copied.map_err(|error| taken_failure(source, &dest, error))
    }

    /// A second name of the same file, which is safe because files are replaced and never written to.
    pub(crate) async fn copy(&self, from: &Object, to: &Object) -> Result<(), Error> {
        let (source, dest) = (self.path(from), self.path(to));
        if self.head(from).await?.is_none() {
            return Err(Error::NotFound { object: from.clone() });
        }
        place::link_file(&source, &dest).await.map_err(|error| taken_failure(&source, &dest, error))
    }

    pub(crate) async fn get_bytes(&self, object: &Object) -> Result<Bytes, Error> {
        let store = self.bucket(object.bucket());
        let read = async { store.get(&location(object.key())).await?.bytes().await };
        read.await.map_err(|error| self.object_failure(object, error))
    }

    pub(crate) async fn get_file(&self, object: &Object, dest: &Path) -> Result<(), Error> {
        if self.head(object).await?.is_none() {
            return Err(Error::NotFound { object: object.clone() });
        }
        let copied = place::copy_file(&self.path(object), dest, Durability::Volatile).await;
        copied.map_err(|error| Error::local(dest, error))
    }

    pub(crate) async fn head(&self, object: &Object) -> Result<Option<ObjectMeta>, Error> {
        match self.bucket(object.bucket()).head(&location(object.key())).await {
            Ok(meta) => Ok(Some(described(meta))),
            Err(error) => match self.object_failure(object, error) {
                Error::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    pub(crate) async fn list(
        &self,
        bucket: Bucket,
        prefix: &str,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let path = self.root.join(bucket.as_str()).join(prefix);
        let listed = self.bucket(bucket).list(Some(&location(prefix))).map_ok(described);
        let mut objects: Vec<ObjectMeta> =
            listed.try_collect().await.map_err(|error| failure(&path, error))?;
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    pub(crate) async fn delete(&self, object: &Object) -> Result<(), Error> {
        let deleted = self.bucket(object.bucket()).delete(&location(object.key())).await;
        match deleted.map_err(|error| self.object_failure(object, error)) {
            Err(Error::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    /// Removes the whole sub-folder, so that half-written files of dead writers go with it.
    pub(crate) async fn delete_prefix(&self, bucket: Bucket, prefix: &str) -> Result<u64, Error> {
        let count = self.list(bucket, prefix).await?.len() as u64;
        let home = self.root.join(bucket.as_str());
        let path = home.join(prefix);
        let folder = path.clone();
        place::blocking(move || remove_folder(&home, &folder))
            .await
            .map_err(|source| Error::local(&path, source))?;
        Ok(count)
    }

    pub(crate) fn path(&self, object: &Object) -> PathBuf {
        self.root.join(object.bucket().as_str()).join(object.key())
    }

    fn bucket(&self, bucket: Bucket) -> &LocalFileSystem {
        &self.buckets[bucket as usize]
    }

    /// Names a failure; an object is missing only where there is a bucket for it, and not, for
    /// instance, while the disk is not mounted.
    fn object_failure(&self, object: &Object, error: object_store::Error) -> Error {
        let bucket = self.root.join(object.bucket().as_str());
        match failure(&self.path(object), error) {
            Error::Io { source, .. }
                if source.kind() == io::ErrorKind::NotFound && !bucket.is_dir() =>
            {
                let operation = "find the folder of a bucket";
                Error::Unavailable { operation, source: source.into() }
            }
            Error::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Error::NotFound { object: object.clone() }
            }
            error => error,
        }
    }
}

fn remove_folder(home: &Path, folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(());
        }
        removed => removed?,
    }
    // Stops at the first folder that still holds something.
    let parents = folder.ancestors().skip(1).take_while(|parent| *parent != home);
    for parent in parents {
        if fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}

/// Names the failure to take a local file in: by what has no space, or by the file.
fn taken_failure(source: &Path, dest: &Path, error: io::Error) -> Error {
    match Error::local(dest, error) {
        Error::Io { source: error, .. } => Error::local(source, error),
        full => full,
    }
}

fn location(key: &str) -> Location {
    Location::parse(key).expect("the key rules are stricter than those of object_store")
}

fn described(meta: object_store::ObjectMeta) -> ObjectMeta {
    ObjectMeta { key: meta.location.to_string(), bytes: meta.size, etag: meta.e_tag }
}

/// Finds the file system's own error inside `object_store`'s.
fn failure(path: &Path, error: object_store::Error) -> Error {
    let mut kind = match &error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(current) = next {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            kind = io.kind();
            break;
        }
        next = current.source();
    }
    Error::local(path, io::Error::new(kind, error))
}
