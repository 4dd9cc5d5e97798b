//! Nobody else on the machine reads what a running instance keeps.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use fixtures::Clip;
use serde_json::json;

use crate::{
    product::{Flags, Product, data},
    sources::serve_file,
};

/// Everything below a folder that others may do anything with, and how many files there are. What
/// comes and goes meanwhile is left out.
fn open_to_others(folder: &Path) -> (Vec<String>, usize) {
    let (mut open, mut files, mut waiting) = (Vec::new(), 0, vec![folder.to_owned()]);
    while let Some(path) = waiting.pop() {
        let Ok(found) = fs_err::symlink_metadata(&path) else { continue };
        let mode = found.permissions().mode() & 0o777;
        if !found.is_symlink() && mode & 0o077 != 0 {
            open.push(format!("{} {mode:o}", path.display()));
        }
        if found.is_dir() {
            let entries = fs_err::read_dir(&path).into_iter().flatten();
            waiting.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        } else {
            files += 1;
        }
    }
    (open, files)
}

#[tokio::test]
async fn no_file_of_a_running_instance_is_open_to_others() {
    let folder = data();
    // As an earlier version left it.
    let place = folder.path().join("kept");
    fs_err::create_dir_all(place.join("media/videos")).unwrap();
    fs_err::write(place.join("catalog.db"), "").unwrap();
    for (path, mode) in [("", 0o755), ("media", 0o755), ("catalog.db", 0o644)] {
        let mode = std::fs::Permissions::from_mode(mode);
        fs_err::set_permissions(place.join(path), mode).unwrap();
    }
    let (before, _) = open_to_others(&place);
    assert!(before.len() >= 3, "{before:?}");
    let Some(product) = Product::start(&place, &Flags::default()) else { return };
    let url = serve_file(Clip::new().seconds(2).path()).await;
    let id = product.submit(&url, json!({"preset": "ultrafast"})).await;
    product.ready(&id).await;
    let (open, files) = open_to_others(&place);
    // Nobody gets to what lies in a folder that is closed.
    let old = format!("{} 755", place.join("media/videos").display());
    let new: Vec<_> = open.iter().filter(|it| **it != old).collect();
    assert!(new.is_empty(), "{new:#?}");
    assert!(files > 10, "{files} files");
    for name in ["catalog.db", "temporal.db", "temporal.log", "secret.key", "lock"] {
        let mode = fs_err::metadata(place.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
