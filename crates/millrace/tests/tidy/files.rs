//! What may lie in the checkout, and which files it must have.

use crate::{none, tree};

/// The largest file, in bytes: a clone stays quick, and media belong elsewhere.
const FILE_BYTES_MAX: u64 = 5_000_000;

#[test]
fn no_file_is_large() {
    let large = |file: &tree::File| fs_err::metadata(&file.path).unwrap().len() > FILE_BYTES_MAX;
    let findings = tree::files().into_iter().filter(large).map(|file| file.name).collect();
    none("generate it in the test (fixtures::Clip), or shrink it:", findings);
}

#[test]
fn text_files_end_with_one_newline_and_hold_no_trailing_space() {
    let extensions = ["rs", "toml", "md", "sh", "py", "js", "css", "html", "svg"];
    let mut findings = Vec::new();
    for file in tree::files() {
        if file.name.contains("/vendor/") {
            continue;
        }
        if !extensions.iter().any(|extension| file.has_extension(extension)) {
            continue;
        }
        let text = file.text();
        let trailing = text.lines().any(|line| line.ends_with([' ', '\t']));
        if trailing || !text.ends_with('\n') || text.ends_with("\n\n") {
            findings.push(file.name);
        }
    }
    none("trim the ends of the lines, and end the file with one newline:", findings);
}
