//! A worker's private temporary folders: one per attempt, always removed at its end.
//!
//! Owns the folder of this process below the scratch root, the lock that shows it is in use and
//! the sweep of folders whose process is dead. Does not know what attempts put there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use fs_err as fs;

use crate::Error;

/// Starts the name of every folder that belongs to a process; nothing else is ever swept.
const PROCESS_PREFIX: &str = "millrace-";
/// Locked by the running process that owns the folder.
const PROCESS_LOCK: &str = ".lock";
/// Held while a process makes its folder or sweeps, so that no half-made folder is swept.
const ROOT_LOCK: &str = ".millrace-scratch.lock";

/// The scratch space of this process. Cheap to clone; the last clone removes the folder.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// `None` where every call fails.
    process: Option<Arc<ProcessFolder>>,
    reserve_bytes: u64,
}

/// A folder for one attempt, removed with everything in it when dropped.
///
/// Stop whatever writes there first.
#[derive(Debug)]
pub struct ScratchDir {
    path: PathBuf,
    /// Keeps the process folder, and its lock, for as long as an attempt runs.
    _process: Arc<ProcessFolder>,
}

#[derive(Debug)]
struct ProcessFolder {
    path: PathBuf,
    n_attempts: AtomicU64,
    /// Locked for the life of the process: the kernel releases it, however the process ends.
    _lock: fs::File,
}

impl Scratch {
    /// Makes this process's folder below `root` and removes the folders of dead processes.
    ///
    /// Several processes may share a root, and one process may open it more than once: each
    /// opening has its own folder. Folders that scratch did not make are left alone.
    pub fn open(root: &Path, reserve_bytes: u64) -> Result<Self, Error> {
        let local = |source| Error::local(root, source);
        fs::create_dir_all(root).map_err(local)?;
        let root = fs::canonicalize(root).map_err(local)?;
        let root_lock = open_lock(&root.join(ROOT_LOCK)).map_err(local)?;
        root_lock.file().lock().map_err(local)?;
        sweep(&root).map_err(local)?;
        let process = Arc::new(ProcessFolder::create(&root).map_err(local)?);
        Ok(Self { process: Some(process), reserve_bytes })
    }

    /// The scratch space of a process that uses none: every call fails with [`Error::NotOpened`].
    pub fn absent() -> Self {
        Self { process: None, reserve_bytes: 0 }
    }

    fn process(&self) -> Result<&Arc<ProcessFolder>, Error> {
        self.process.as_ref().ok_or(Error::NotOpened { what: "scratch space" })
    }

    /// Makes a new folder for one attempt; `name` only helps people who look at the disk.
    ///
    /// Refuses with [`Error::NoSpace`] while free space is under the reserve.
    pub fn attempt(&self, name: &str) -> Result<ScratchDir, Error> {
        self.check_reserve()?;
        let process = self.process()?;
        let number = process.n_attempts.fetch_add(1, Ordering::Relaxed);
        let path = process.path.join(format!("{number}-{}", harmless(name)));
        fs::create_dir(&path).map_err(|source| Error::local(&path, source))?;
        Ok(ScratchDir { path, _process: Arc::clone(process) })
    }

    /// Like [`Self::attempt`], for work that is known to write `bytes`: they must fit beside the
    /// reserve.
    pub fn attempt_of(&self, name: &str, bytes: u64) -> Result<ScratchDir, Error> {
        check_free(&self.process()?.path, self.reserve_bytes.saturating_add(bytes))?;
        self.attempt(name)
    }

    /// Refuses with [`Error::NoSpace`] while free space is under the reserve.
    pub fn check_reserve(&self) -> Result<(), Error> {
        check_free(&self.process()?.path, self.reserve_bytes)
    }

    /// The folder that processes share.
    pub(crate) fn root(&self) -> Result<&Path, Error> {
        let own = self.path()?;
        Ok(own.parent().unwrap_or(own))
    }

    /// Returns how many bytes an ordinary user may still write to the file system of scratch.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        free_bytes(&self.process()?.path)
    }

    /// Returns the folder of this process, in which the attempts' folders are.
    pub fn path(&self) -> Result<&Path, Error> {
        Ok(&self.process()?.path)
    }
}

/// Refuses when less than `reserve` bytes are free where `path` is.
pub(crate) fn check_free(path: &Path, reserve: u64) -> Result<(), Error> {
    let free = free_bytes(path)?;
    if free < reserve { Err(Error::NoSpace { free, reserve }) } else { Ok(()) }
}

fn free_bytes(path: &Path) -> Result<u64, Error> {
    let stat = nix::sys::statvfs::statvfs(path)
        .map_err(|errno| Error::local(path, io::Error::from(errno)))?;
    Ok(stat.blocks_available() * stat.fragment_size())
}

impl ScratchDir {
    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

impl ProcessFolder {
    /// Makes and locks a folder of its own; the caller holds the root lock.
    fn create(root: &Path) -> io::Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // The process id alone is always 1 in a container, and containers may share a root.
        let stem = format!("{PROCESS_PREFIX}{}-{}", std::process::id(), now.as_nanos());
        let mut n_taken = 0_u64;
        let path = loop {
            let path = root.join(format!("{stem}-{n_taken}"));
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => n_taken += 1,
                Err(error) => return Err(error),
            }
        };
        let lock = open_lock(&path.join(PROCESS_LOCK))?;
        lock.file().lock()?;
        Ok(Self { path, n_attempts: AtomicU64::new(0), _lock: lock })
    }
}

impl Drop for ProcessFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes the folders whose lock nobody holds; the caller holds the root lock.
fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with(PROCESS_PREFIX);
        if !ours || !entry.file_type()?.is_dir() {
            continue;
        }
        let lock = match open_lock(&entry.path().join(PROCESS_LOCK)) {
            // The process removed its own folder between the two calls.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            lock => lock?,
        };
        if lock.file().try_lock().is_ok() {
            tracing::info!(folder = %entry.path().display(), "removing a dead process's scratch");
            remove(&entry.path());
        }
    }
    Ok(())
}

fn open_lock(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "scratch stays behind until the next start");
        }
        _ => {}
    }
}

/// Makes a file name of any text.
pub(crate) fn harmless(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    name.chars().take(100).map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn attempt_names_cannot_leave_the_folder() {
        assert_eq!(harmless("../chunk 7/ü"), ".._chunk_7__");
        assert_eq!(harmless(&"x".repeat(300)).len(), 100);
    }
}
