//! Folders that outlive an attempt, so that the next one on this machine can continue.
//!
//! Kept until they are forgotten. Who knows what they are for sweeps them: by name and age.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;

use crate::scratch::harmless;
use crate::{Error, Scratch};

/// Starts the name of every folder kept for a later attempt.
const PREFIX: &str = "kept-";

impl Scratch {
    /// Finds or makes the folder of this name. Run twice, it finds what the first run left.
    ///
    /// Refuses with [`Error::NoSpace`] while free space is under the reserve.
    pub fn resumable(&self, name: &str) -> Result<PathBuf, Error> {
        self.check_reserve()?;
        let path = folder(self.root()?, name);
        fs::create_dir_all(&path).map_err(|source| Error::local(&path, source))?;
        Ok(path)
    }

    /// Names of the folders that are kept, as [`Self::resumable`] was given them if they were plain,
    /// each with the age of its last change.
    pub fn kept(&self) -> Result<Vec<(String, Duration)>, Error> {
        let root = self.root()?;
        let local = |source| Error::local(root, source);
        let mut kept = Vec::new();
        for entry in fs::read_dir(root).map_err(local)? {
            let entry = entry.map_err(local)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(name) = name.strip_prefix(PREFIX) else { continue };
            // Another process may have forgotten it by now.
            kept.extend(age(&entry.path()).map(|age| (name.to_owned(), age)));
        }
        Ok(kept)
    }

    /// Removes the folder of this name, if there is one.
    pub fn forget(&self, name: &str) -> Result<(), Error> {
        let path = folder(self.root()?, name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::local(&path, error))
            }
            _ => Ok(()),
        }
    }
}

/// How long neither the folder nor a file in it has changed.
fn age(folder: &Path) -> Option<Duration> {
    let changed = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let files = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| changed(&entry.path()));
    let latest = files.chain(changed(folder)).max()?;
    Some(SystemTime::now().duration_since(latest).unwrap_or_default())
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
    fn what_is_kept_is_listed_with_the_age_of_its_last_change() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path(), 0).unwrap();
        let (old, busy) = (scratch.resumable("old").unwrap(), scratch.resumable("busy").unwrap());
        fs::create_dir(root.path().join("not-ours")).unwrap();
        fs::write(busy.join("part"), "half").unwrap();
        let hour_ago = SystemTime::now() - Duration::from_hours(1);
        for folder in [&old, &busy] {
            fs::File::open(folder).unwrap().file().set_modified(hour_ago).unwrap();
        }
        let mut kept = scratch.kept().unwrap();
        kept.sort();
        let (names, ages): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        assert_eq!(names, ["busy", "old"]);
        assert!(
            ages[0] < Duration::from_mins(30) && ages[1] >= Duration::from_hours(1),
            "{ages:?}"
        );
    }
}
