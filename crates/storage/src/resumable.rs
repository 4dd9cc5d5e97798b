//! Folders that outlive an attempt, so that the next one on this machine can go on where it stopped.
//!
//! Kept until they are forgotten, or until nobody has written to them for a week.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;

use crate::scratch::harmless;
use crate::{Error, Scratch};

/// Starts the name of every folder kept for a later attempt.
const PREFIX: &str = "kept-";
/// A folder nobody has written to for so long belongs to nothing that still runs.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

impl Scratch {
    /// Finds or makes the folder of this name. Run twice, it finds what the first run left.
    ///
    /// Refuses with [`Error::NoSpace`] while free space is under the reserve.
    pub fn resumable(&self, name: &str) -> Result<PathBuf, Error> {
        self.check_reserve()?;
        let path = folder(self.root(), name);
        fs::create_dir_all(&path).map_err(|source| Error::local(&path, source))?;
        Ok(path)
    }

    /// Removes the folder of this name, if there is one.
    pub fn forget(&self, name: &str) -> Result<(), Error> {
        let path = folder(self.root(), name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::local(&path, error))
            }
            _ => Ok(()),
        }
    }
}

/// Removes kept folders that are too old.
pub(crate) fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && is_old(&entry.path()) {
            tracing::info!(folder = %entry.path().display(), "removing what nobody came back for");
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// True when neither the folder nor a file in it has changed for a week.
fn is_old(folder: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let files = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| changed(&entry.path()));
    let latest = files.chain(changed(folder)).max();
    latest
        .is_some_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > KEPT_FOR))
}

fn folder(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{PREFIX}{}", harmless(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again_until_it_is_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let kept = Scratch::open(root.path(), 0).unwrap().resumable("a/b").unwrap();
        fs::write(kept.join("part"), "half").unwrap();
        let scratch = Scratch::open(root.path(), 0).unwrap();
        assert_eq!(fs::read(scratch.resumable("a/b").unwrap().join("part")).unwrap(), b"half");
        scratch.forget("a/b").unwrap();
        scratch.forget("a/b").unwrap();
        assert!(!kept.exists());
    }

    #[test]
    fn old_folders_are_swept_and_fresh_ones_are_not() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path(), 0).unwrap();
        let (old, fresh) = (scratch.resumable("old").unwrap(), scratch.resumable("fresh").unwrap());
        let week_ago = SystemTime::now() - KEPT_FOR - Duration::from_mins(1);
        fs::File::open(&old).unwrap().file().set_modified(week_ago).unwrap();
        drop(Scratch::open(root.path(), 0).unwrap());
        assert!(!old.exists() && fresh.exists());
    }
}
