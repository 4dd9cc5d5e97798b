//! Files that arrive in pieces: the folder for uploads.
//!
//! Owns the durable length of each file, the right to write to it, and pieces that must be checked
//! before they count. Knows neither the sender nor the expected length.
//!
//! ```text
//! {name}            what has arrived
//! {name}.unchecked  the length that counts while a piece behind it is not checked yet
//! ```

use std::fs::TryLockError;
use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::place::{Durability, blocking, flush_folder_of};
use crate::scratch::check_free;
use crate::{Bytes, Error};

/// Bytes of one file between two looks at the free space: a look costs a few microseconds, and this
/// many files at once go below the reserve by this much each at most.
const LOOK_BYTES: u64 = 4 << 20;
/// Ends the name of the file that says where an unchecked piece begins.
const UNCHECKED: &str = "unchecked";

/// The folder of what is arriving. Several processes may share it.
#[derive(Clone, Debug)]
pub struct Incoming {
    root: PathBuf,
    reserve_bytes: u64,
}

/// The answer to asking for a file to write to.
#[derive(Debug)]
pub enum Claim {
    /// It can be written until the handle is dropped.
    Ours(Arrival),
    /// Another writer has it.
    Busy,
    /// There is no such file.
    Missing,
}

/// One file, with the sole right to write to it. Dropped or killed at any moment, it keeps what
/// was appended, except for a piece that was to be checked.
#[derive(Debug)]
pub struct Arrival {
    file: tokio::fs::File,
    right: Right,
    path: PathBuf,
    bytes: u64,
    /// Where the unchecked piece begins, while there is one.
    unchecked_from: Option<u64>,
    /// Bytes of its disk that stay free.
    reserve_bytes: u64,
    /// Bytes that may still be appended before the disk is looked at again.
    until_look: u64,
}

impl Incoming {
    /// Opens the folder, making it when it is missing. `reserve_bytes` of its disk stay free.
    pub fn open(root: &Path, reserve_bytes: u64) -> Result<Self, Error> {
        let local = |source| Error::local(root, source);
        fs::create_dir_all(root).map_err(local)?;
        Ok(Self { root: fs::canonicalize(root).map_err(local)?, reserve_bytes })
    }

    /// Makes an empty file that survives a power cut. Refuses with [`Error::NoSpace`] when `bytes`
    /// do not fit beside the reserve.
    pub async fn create(&self, name: &str, bytes: u64) -> Result<(), Error> {
        self.check_space(bytes)?;
        let path = self.root.join(name);
        let made = move || {
            fs::OpenOptions::new().write(true).create_new(true).open(&path)?.sync_all()?;
            flush_folder_of(&path, Durability::Durable)
        };
        self.local(name, blocking(made).await)
    }

    /// Refuses with [`Error::NoSpace`] when `bytes` more do not fit beside the reserve.
    pub fn check_space(&self, bytes: u64) -> Result<(), Error> {
        check_free(&self.root, self.reserve_bytes.saturating_add(bytes))
    }

    /// How many bytes of a file have arrived and survive a power cut; `None` when there is no file.
    pub async fn bytes(&self, name: &str) -> Result<Option<u64>, Error> {
        let path = self.root.join(name);
        let look = move || {
            let Some(file) = existing(fs::File::open(&path))? else { return Ok(None) };
            // Somebody may be adding a piece that is not checked, or taking it back: what is less
            // before and after counts.
            let before = unchecked_from(&path)?.unwrap_or(u64::MAX).min(file.metadata()?.len());
            file.sync_data()?;
            let after = unchecked_from(&path)?.unwrap_or(u64::MAX).min(file.metadata()?.len());
            Ok(Some(before.min(after)))
        };
        self.local(name, blocking(look).await)
    }

    /// Asks for the sole right to write to a file, and takes back a piece that was never checked.
    pub async fn claim(&self, name: &str) -> Result<Claim, Error> {
        let (path, reserve_bytes) = (self.root.join(name), self.reserve_bytes);
        self.local(name, blocking(move || claim(path, reserve_bytes)).await)
    }

    /// How many bytes of all files have arrived.
    pub async fn arrived_bytes(&self) -> Result<u64, Error> {
        let root = self.root.clone();
        let sum = move || {
            let mut bytes = 0;
            for entry in fs::read_dir(root)? {
                // A file may go while the folder is read.
                let meta = existing(entry?.metadata())?;
                bytes += meta.filter(std::fs::Metadata::is_file).map_or(0, |meta| meta.len());
            }
            Ok(bytes)
        };
        self.local("", blocking(sum).await)
    }

    /// The names of all files, and when each was last written to.
    pub async fn names(&self) -> Result<Vec<(String, SystemTime)>, Error> {
        let root = self.root.clone();
        let list = move || {
            let mut names = Vec::new();
            for entry in fs::read_dir(root)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                // A file may go while the folder is read.
                let Some(meta) = existing(entry.metadata())? else { continue };
                // Names of our own have an extension.
                if meta.is_file() && !name.contains('.') {
                    names.push((name, meta.modified()?));
                }
            }
            Ok(names)
        };
        self.local("", blocking(list).await)
    }

    fn local<T>(&self, name: &str, result: io::Result<T>) -> Result<T, Error> {
        result.map_err(|source| Error::local(&self.root.join(name), source))
    }
}

/// The right to write to a file: a lock on it, which goes back at once where nothing is being written.
#[derive(Debug)]
struct Right {
    file: std::fs::File,
    /// True while a write may still be on its way to the disk, which the lock must outlast: it then ends
    /// with the last handle.
    writing: bool,
}

impl Drop for Right {
    fn drop(&mut self) {
        // A child process that is being started has every file open until it runs, and would hold the
        // lock so long.
        if !self.writing
            && let Err(error) = self.file.unlock()
        {
            tracing::debug!(%error, "a lock ends with its file");
        }
    }
}

impl Arrival {
    /// How much of the file there is, unchecked bytes included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a piece that counts only once it is kept: until then, whatever happens, it is taken
    /// back.
    pub async fn begin_unchecked(&mut self) -> Result<(), Error> {
        let (path, bytes) = (self.path.clone(), self.bytes);
        let mark = move || {
            let (mark, staged) = (mark_of(&path), path.with_extension("staged"));
            fs::write(&staged, bytes.to_string())?;
            fs::File::open(&staged)?.sync_all()?;
            fs::rename(&staged, &mark)?;
            flush_folder_of(&mark, Durability::Durable)
        };
        self.local(blocking(mark).await)?;
        self.unchecked_from = Some(bytes);
        Ok(())
    }

    /// Adds bytes at the end. They are durable once they are kept. Refuses with [`Error::NoSpace`] when
    /// they do not fit beside the reserve, whatever was announced of them.
    pub async fn append(&mut self, bytes: &Bytes) -> Result<(), Error> {
        self.right.writing = true;
        let more = bytes.len() as u64;
        if more > self.until_look {
            check_free(&self.path, self.reserve_bytes.saturating_add(more.max(LOOK_BYTES)))?;
            self.until_look = more.max(LOOK_BYTES);
        }
        self.until_look -= more;
        let written = self.file.write_all(bytes).await;
        self.local(written)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes everything that was appended durable and lets an unchecked piece count.
    pub async fn keep(&mut self) -> Result<(), Error> {
        let flushed = match self.file.flush().await {
            Ok(()) => self.file.sync_data().await,
            Err(error) => Err(error),
        };
        self.local(flushed)?;
        self.right.writing = false;
        self.unmark().await
    }

    /// Takes the unchecked piece back.
    pub async fn take_back(&mut self) -> Result<(), Error> {
        let Some(from) = self.unchecked_from else { return Ok(()) };
        let cut = async {
            self.file.flush().await?;
            self.file.set_len(from).await?;
            self.file.seek(SeekFrom::Start(from)).await?;
            self.file.sync_data().await
        };
        let cut = cut.await;
        self.local(cut)?;
        self.right.writing = false;
        self.bytes = from;
        self.unmark().await
    }

    /// Removes the file, and with it the right to write to it.
    pub async fn remove(self) -> Result<(), Error> {
        let path = self.path.clone();
        let gone = blocking(move || {
            existing(fs::remove_file(mark_of(&path)))?;
            existing(fs::remove_file(path)).map(drop)
        });
        self.local(gone.await)
    }

    async fn unmark(&mut self) -> Result<(), Error> {
        if self.unchecked_from.take().is_none() {
            return Ok(());
        }
        let path = self.path.clone();
        let unmark = move || remove_mark(&path);
        self.local(blocking(unmark).await)
    }

    fn local<T>(&self, result: io::Result<T>) -> Result<T, Error> {
        result.map_err(|source| Error::local(&self.path, source))
    }
}

fn claim(path: PathBuf, reserve_bytes: u64) -> io::Result<Claim> {
    let open = fs::OpenOptions::new().write(true).open(&path);
    let Some(file) = existing(open)? else { return Ok(Claim::Missing) };
    let file = file.into_file();
    // The lock ends with the process, however that ends.
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Claim::Busy),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Whoever held the lock before may have moved or removed the file.
    let here = existing(fs::metadata(&path))?.map(|meta| meta.ino());
    if here != Some(file.metadata()?.ino()) {
        return Ok(Claim::Missing);
    }
    if let Some(from) = unchecked_from(&path)? {
        file.set_len(from)?;
        file.sync_data()?;
        remove_mark(&path)?;
    }
    let bytes = io::Seek::seek(&mut &file, SeekFrom::End(0))?;
    let right = Right { file: file.try_clone()?, writing: false };
    let file = tokio::fs::File::from_std(file);
    let arrival =
        Arrival { file, right, path, bytes, unchecked_from: None, reserve_bytes, until_look: 0 };
    Ok(Claim::Ours(arrival))
}

fn mark_of(path: &Path) -> PathBuf {
    path.with_extension(UNCHECKED)
}

fn unchecked_from(path: &Path) -> io::Result<Option<u64>> {
    let Some(text) = existing(fs::read_to_string(mark_of(path)))? else { return Ok(None) };
    text.parse().map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn remove_mark(path: &Path) -> io::Result<()> {
    existing(fs::remove_file(mark_of(path)))?;
    flush_folder_of(path, Durability::Durable)
}

/// `None` for what is not there.
fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child process has between its fork and its exec.
    async fn handle(arrival: &Arrival) -> tokio::fs::File {
        arrival.file.try_clone().await.unwrap()
    }

    #[tokio::test]
    async fn a_child_that_is_being_started_holds_up_no_upload() {
        let folder = tempfile::tempdir().unwrap();
        let incoming = Incoming::open(folder.path(), 0).unwrap();
        incoming.create("a", 3).await.unwrap();
        let Claim::Ours(mut arrival) = incoming.claim("a").await.unwrap() else { panic!("taken") };
        let inherited = handle(&arrival).await;
        arrival.append(&Bytes::from_static(b"one")).await.unwrap();
        assert!(matches!(incoming.claim("a").await.unwrap(), Claim::Busy));
        arrival.keep().await.unwrap();
        assert!(matches!(incoming.claim("a").await.unwrap(), Claim::Busy));
        drop(arrival);
        assert!(matches!(incoming.claim("a").await.unwrap(), Claim::Ours(_)));
        drop(inherited);
    }
}
