//! One process per data folder.

use std::{fs::TryLockError, path::Path};

use anyhow::Context as _;

/// Holds a folder for this process; released when dropped or when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: fs_err::File,
}

impl Lock {
    /// Creates the folder if need be and takes it, or says who has it.
    pub(crate) fn take(folder: &Path) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let file = fs_err::File::create(folder.join("lock"))?;
        match file.file().try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => anyhow::bail!(
                "{} is in use by another millrace; stop that one or give another folder",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("lock {}", folder.display()))
            }
        }
    }
}
