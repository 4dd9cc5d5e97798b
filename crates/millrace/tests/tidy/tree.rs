//! The files of the checkout, without what is generated.

use std::path::{Path, PathBuf};

/// A file, by its path from the root of the checkout with `/` between the parts.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
}

impl File {
    pub(crate) fn text(&self) -> String {
        fs_err::read_to_string(&self.path).unwrap()
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }
}

/// Every file that is the project's own: all but `.git` and the folders that `.gitignore` names.
pub(crate) fn files() -> Vec<File> {
    let root = fixtures::repo_root();
    let ignored = fs_err::read_to_string(root.join(".gitignore")).unwrap();
    let ignored = ignored.lines().map(|line| line.trim_end_matches('/').to_owned());
    let ignored: Vec<_> =
        ignored.filter(|line| !line.is_empty()).chain(["/.git".to_owned()]).collect();
    let mut found = Vec::new();
    walk(&root, &root, &ignored, &mut found);
    assert!(found.len() > 50, "the walk from {} found next to nothing", root.display());
    found
}

/// Every Rust file below `crates`.
pub(crate) fn sources() -> Vec<File> {
    let all = files().into_iter();
    all.filter(|file| file.has_extension("rs") && file.name.starts_with("crates/")).collect()
}

/// Every Rust file below `crates`, and every script and style sheet of the page. What others wrote
/// lies in `vendor`.
pub(crate) fn written() -> Vec<File> {
    let page = files().into_iter().filter(|file| {
        let ours = file.name.contains("/web/") && !file.name.contains("/vendor/");
        ours && (file.has_extension("js") || file.has_extension("css"))
    });
    let page: Vec<_> = page.collect();
    assert!(page.len() > 10, "the scripts of the page are not where they were");
    sources().into_iter().chain(page).collect()
}

/// The text of a file at this path from the root.
pub(crate) fn read(name: &str) -> String {
    fs_err::read_to_string(fixtures::repo_root().join(name)).unwrap()
}

fn walk(root: &Path, dir: &Path, ignored: &[String], found: &mut Vec<File>) {
    for entry in fs_err::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let last = path.file_name().unwrap().to_str().unwrap();
        if ignored.iter().any(|ignored| *ignored == format!("/{name}") || ignored == last) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, ignored, found);
        } else {
            found.push(File { path, name });
        }
    }
}
