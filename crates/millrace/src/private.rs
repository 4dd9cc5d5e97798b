//! Permissions of everything kept on disk: for the owner only, unless the operator says otherwise.

use std::{fs::Permissions, io, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::Context as _;
use nix::sys::stat::Mode;

/// The permissions that files and folders are made without, as `umask` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Umask(u32);

/// Reads three octal digits.
pub(crate) fn parse_umask(text: &str) -> Result<Umask, String> {
    match u32::from_str_radix(text, 8) {
        Ok(bits @ 0..=0o777) if bits & 0o700 == 0 => Ok(Umask(bits)),
        _ => {
            Err("write it as umask does, such as 077 or 027; the owner keeps all rights".to_owned())
        }
    }
}

/// Makes everything from here on, also by children, without these permissions, and takes them from a
/// folder that an earlier version made, and from what lies in it: nothing below can be reached then.
pub(crate) fn close(umask: Umask, folder: &Path) -> anyhow::Result<()> {
    nix::sys::stat::umask(Mode::from_bits_truncate(umask.0));
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.context("look into the data folder")?,
    };
    without(umask, folder)?;
    for entry in entries {
        without(umask, &entry?.path())?;
    }
    Ok(())
}

/// Makes a folder that nobody else can look into, whatever is made in it.
pub(crate) fn folder(path: &Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(path)?;
    without(Umask(0o077), path)
}

fn without(umask: Umask, path: &Path) -> anyhow::Result<()> {
    let found = match fs_err::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let mode = found.permissions().mode();
    // A link has no rights of its own, and what it leads to was put elsewhere on purpose.
    if found.is_symlink() || mode & umask.0 == 0 {
        return Ok(());
    }
    match fs_err::set_permissions(path, Permissions::from_mode(mode & !umask.0)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let path = path.display();
            tracing::warn!(%path, "others on this machine may read this, and it is not ours to change");
            Ok(())
        }
        changed => Ok(changed?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_keeps_all_rights() {
        assert_eq!(parse_umask("077"), Ok(Umask(0o077)));
        assert_eq!(parse_umask("22"), Ok(Umask(0o022)));
        assert_eq!(parse_umask("0"), Ok(Umask(0)));
        for bad in ["", "777", "0100", "8", "1077", "-1", "u=rwx"] {
            assert!(parse_umask(bad).is_err(), "{bad}");
        }
    }
}
