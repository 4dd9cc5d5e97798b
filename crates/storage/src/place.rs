//! Puts a finished local file at its place in one step: whole, or not at all.
//!
//! Owns staging names, renames, copies and their durability. Knows nothing of buckets and keys.

use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fs_err as fs;

/// How much is copied between two checks whether the copy is still wanted.
const COPY_STEP_BYTES: u64 = 64 * 1024 * 1024;

/// How often a folder that another caller has just removed for being empty is made again.
const FOLDER_ATTEMPTS: u32 = 16;

/// Whether a placed file must survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// File and folder entries are flushed to disk before the call returns.
    Durable,
    /// Left to the operating system: for files that are made again when lost.
    Volatile,
}

/// Moves `source` to `dest`, durably; copies it when it cannot be renamed.
///
/// Run again after success it fails, because `source` is gone.
pub(crate) async fn move_file(source: &Path, dest: &Path) -> io::Result<()> {
    let (from, to) = (source.to_owned(), dest.to_owned());
    if !blocking(move || rename_in(&from, &to)).await? {
        copy_file(source, dest, Durability::Durable).await?;
        fs::tokio::remove_file(source).await?;
    }
    Ok(())
}

/// Gives `source` the second name `dest`, durably; copies it where the file system has no links.
pub(crate) async fn link_file(source: &Path, dest: &Path) -> io::Result<()> {
    let (from, to) = (source.to_owned(), dest.to_owned());
    if !blocking(move || link_in(&from, &to)).await? {
        copy_file(source, dest, Durability::Durable).await?;
    }
    Ok(())
}

/// Copies `source` to `dest`, which appears whole or not at all, also when the future is dropped.
///
/// `std::io::copy` is `copy_file_range` on Linux, which shares the blocks on file systems that
/// can (a reflink) and copies inside the kernel elsewhere.
pub(crate) async fn copy_file(
    source: &Path,
    dest: &Path,
    durability: Durability,
) -> io::Result<()> {
    let cancel = CancelOnDrop::default();
    let wanted = Arc::clone(&cancel.0);
    let (from, to) = (source.to_owned(), dest.to_owned());
    let staged = blocking(move || copy_staged(&from, &to, durability, &wanted)).await?;
    let to = dest.to_owned();
    blocking(move || staged.publish(&to, durability)).await
}

/// Runs a blocking file operation where it does not block other tasks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A half-written file beside its destination, removed unless it is published.
pub(crate) struct Staged {
    path: PathBuf,
    published: bool,
}

impl Staged {
    /// Creates an empty file beside `dest`, named so that listings of the folder store hide it.
    pub(crate) fn create(dest: &Path, durability: Durability) -> io::Result<(Self, fs::File)> {
        let mut number = 1_u64;
        loop {
            let path = staged_name(dest, number);
            match in_folder(dest, durability, || {
                fs::OpenOptions::new().write(true).create_new(true).open(&path)
            }) {
                Ok(file) => return Ok((Self { path, published: false }, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Renames the file to its destination, replacing what is there.
    pub(crate) fn publish(mut self, dest: &Path, durability: Durability) -> io::Result<()> {
        fs::rename(&self.path, dest)?;
        self.published = true;
        flush_folder_of(dest, durability)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "a half-written file stays behind");
        }
    }
}

/// Tells a blocking copy that it is no longer wanted.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Renames `source` to `dest`; false when only a copy will do.
fn rename_in(source: &Path, dest: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(source)?;
    // A link would bring a file into the store that somebody can still change from outside.
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Ok(false);
    }
    fs::File::open(source)?.sync_all()?;
    match in_folder(dest, Durability::Durable, || fs::rename(source, dest)) {
        Ok(()) => {
            flush_folder_of(dest, Durability::Durable)?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
        Err(error) => Err(error),
    }
}

/// Links `source` to `dest`, replacing what is there; false when only a copy will do.
fn link_in(source: &Path, dest: &Path) -> io::Result<bool> {
    use io::ErrorKind as Kind;

    let mut number = 1_u64;
    let path = loop {
        let path = staged_name(dest, number);
        match in_folder(dest, Durability::Durable, || fs::hard_link(source, &path)) {
            Ok(()) => break path,
            Err(error) => match error.kind() {
                Kind::AlreadyExists => number += 1,
                Kind::CrossesDevices
                | Kind::PermissionDenied
                | Kind::TooManyLinks
                | Kind::Unsupported => return Ok(false),
                _ => return Err(error),
            },
        }
    };
    let staged = Staged { path: path.clone(), published: false };
    staged.publish(dest, Durability::Durable)?;
    // Renaming one name of a file to another of its names does nothing and leaves both.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != Kind::NotFound => Err(error),
        _ => Ok(true),
    }
}

fn staged_name(dest: &Path, number: u64) -> PathBuf {
    let mut name = dest.as_os_str().to_owned();
    name.push(format!("#{number}"));
    PathBuf::from(name)
}

fn copy_staged(
    source: &Path,
    dest: &Path,
    durability: Durability,
    cancelled: &AtomicBool,
) -> io::Result<Staged> {
    let from = fs::File::open(source)?;
    if !from.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let (staged, to) = Staged::create(dest, durability)?;
    loop {
        if cancelled.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        // The plain files, because only for those does `io::copy` stay inside the kernel.
        if io::copy(&mut from.file().take(COPY_STEP_BYTES), &mut to.file())? == 0 {
            break;
        }
    }
    if durability == Durability::Durable {
        to.sync_all()?;
    }
    Ok(staged)
}

/// Does `action`, making the folder of `path` first when it is missing.
///
/// Another caller may remove the folder between the two, while it is still empty: then again.
fn in_folder<T>(
    path: &Path,
    durability: Durability,
    action: impl Fn() -> io::Result<T>,
) -> io::Result<T> {
    let mut attempt = 1;
    loop {
        match action() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < FOLDER_ATTEMPTS => {
                match make_folder_of(path, durability) {
                    // A folder on the way was removed while it was looked at (`AlreadyExists`) or
                    // while those below it were being made (`NotFound`).
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                        ) => {}
                    made => made?,
                }
                attempt += 1;
            }
            done => return done,
        }
    }
}

fn make_folder_of(path: &Path, durability: Durability) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let missing = folder.ancestors().take_while(|folder| !folder.exists()).collect::<Vec<_>>();
    fs::create_dir_all(folder)?;
    for folder in missing {
        match flush_folder_of(folder, durability) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            flushed => flushed?,
        }
    }
    Ok(())
}

pub(crate) fn flush_folder_of(path: &Path, durability: Durability) -> io::Result<()> {
    match path.parent() {
        Some(folder) if durability == Durability::Durable => {
            fs::File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?
                .sync_all()
        }
        _ => Ok(()),
    }
}
