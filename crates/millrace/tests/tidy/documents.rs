//! The documents speak of what exists: links resolve, and ARCHITECTURE.md knows every crate.

use crate::{none, tree};
use std::collections::BTreeSet;

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// The parts of a document outside its code blocks.
pub(crate) fn outside_blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n```").step_by(2)
}

/// The text between backticks, code blocks left out.
pub(crate) fn code_spans(text: &str) -> Vec<&str> {
    outside_blocks(text).flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// The section below the heading `## title`, without what follows it.
fn section<'a>(text: &'a str, title: &str) -> &'a str {
    let (_, after) = text.split_once(&format!("\n## {title}\n")).unwrap_or_else(|| {
        panic!("{ARCHITECTURE} has no section {title:?}");
    });
    after.split("\n## ").next().unwrap_or(after)
}

/// Code spans that name a file of the checkout: a path with an extension, or below `crates`.
fn named_files(text: &str) -> BTreeSet<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let path = |span: &&str| span.contains('/') && !span.contains("//") && span.chars().all(plain);
    let of_ours = |span: &&str| {
        let file = span.rsplit('/').next().unwrap_or(span);
        let dirs = ["crates/", "docs/", "scripts/", ".ci/", ".config/"];
        dirs.iter().any(|dir| span.starts_with(dir)) && !file.contains("..")
    };
    code_spans(text).into_iter().filter(path).filter(of_ours).collect()
}

/// The targets of the links of a document that point into the checkout.
fn local_links(text: &str) -> impl Iterator<Item = &str> {
    let targets = outside_blocks(text).flat_map(|part| part.split("](").skip(1));
    let targets = targets.filter_map(|rest| rest.split([')', ' ', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':'))
}

#[test]
fn links_resolve() {
    let mut findings = Vec::new();
    for file in tree::files().into_iter().filter(|file| file.has_extension("md")) {
        let text = file.text();
        let dir = file.path.parent().unwrap();
        let broken = local_links(&text).filter(|target| !dir.join(target).exists());
        findings.extend(broken.map(|target| format!("{}: {target}", file.name)));
    }
    none("mend the link, or write what it promises:", findings);
}

#[test]
fn every_file_that_the_documents_name_exists() {
    let root = fixtures::repo_root();
    let mut findings = Vec::new();
    for name in [ARCHITECTURE, "README.md"] {
        let text = tree::read(name);
        let missing = named_files(&text).into_iter().filter(|path| !root.join(path).exists());
        findings.extend(missing.map(|path| format!("{name}: {path}")));
    }
    none("name the file as it is called now:", findings);
}

/// Languages of code blocks that somebody may run.
const COMMANDS: [&str; 7] = ["sh", "bash", "console", "python", "js", "ts", "typescript"];
/// What is written above a block that no test runs.
const NOT_RUN: &str = "not run here";

/// True where a test of the product reads this document, to run what stands in it.
fn is_run(name: &str) -> bool {
    let tests = tree::sources().into_iter();
    let mut tests = tests.filter(|file| file.name.starts_with("crates/millrace/tests/it/"));
    tests.any(|file| file.text().contains(&format!("\"{name}\"")))
}

#[test]
fn every_command_block_is_run_or_says_that_it_is_not() {
    let mut findings = Vec::new();
    let document = |file: &tree::File| {
        let below_docs = file.name.strip_prefix("docs/").is_some_and(|rest| !rest.contains('/'));
        file.has_extension("md") && (below_docs || file.name == "README.md")
    };
    for file in tree::files().into_iter().filter(document) {
        let text = file.text();
        let parts: Vec<_> = text.split("\n```").collect();
        for (before, block) in parts.iter().zip(parts.iter().skip(1)).step_by(2) {
            let language = block.lines().next().unwrap_or_default();
            let above = before.trim_end().rsplit("\n\n").next().unwrap_or_default();
            let marked = above.to_lowercase().replace('\n', " ").contains(NOT_RUN);
            if COMMANDS.contains(&language) && !marked && !is_run(&file.name) {
                let first = block.lines().nth(1).unwrap_or_default();
                findings.push(format!("{}: {first}", file.name));
            }
        }
    }
    let advice = "have crates/millrace/tests/it/guides.rs run the document, or write \"not run here\" \
                  and why into the paragraph above:";
    none(advice, findings);
}

#[test]
fn the_readme_links_every_document() {
    let readme = tree::read("README.md");
    let linked: BTreeSet<_> = local_links(&readme).collect();
    let below =
        |file: &tree::File| file.name.strip_prefix("docs/").is_some_and(|rest| !rest.contains('/'));
    let files = tree::files().into_iter().filter(|file| below(file) && file.has_extension("md"));
    let missing = files.map(|file| file.name).filter(|name| !linked.contains(name.as_str()));
    none("link the document in README.md, with a line on what is in it:", missing.collect());
}

#[test]
fn the_architecture_names_every_crate() {
    let text = tree::read(ARCHITECTURE);
    let map = section(&text, "Code map");
    let named: BTreeSet<_> = code_spans(map).into_iter().collect();
    let mut findings = Vec::new();
    for entry in fs_err::read_dir(fixtures::repo_root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !named.contains(format!("crates/{name}").as_str()) {
            findings.push(format!("crates/{name}"));
        }
    }
    none("say in the code map what the crate owns, in at most twelve words:", findings);
}

#[test]
fn one_video_can_be_followed_through_few_files() {
    let text = tree::read(ARCHITECTURE);
    let files = named_files(section(&text, "Follow one video"));
    assert!((4..=8).contains(&files.len()), "name 4 to 8 files on the way, not {files:?}");
}

#[test]
fn every_invariant_names_the_check_that_guards_it() {
    let text = tree::read(ARCHITECTURE);
    let invariants = section(&text, "Invariants");
    let rows: Vec<_> = invariants.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 8, "name at least eight invariants, not {}", rows.len());
    let tests = tree::sources().into_iter().filter(|file| file.name.contains("/tests/"));
    let tests: String = tests.map(|file| file.text()).collect();
    let guarded = |row: &&&str| {
        let spans = code_spans(row.rsplit('|').nth(1).unwrap_or_default());
        let exists = |span: &str| match span.strip_prefix("tidy::") {
            Some(name) => tests.contains(&format!("fn {name}()")),
            None => fixtures::repo_root().join(span).is_file(),
        };
        spans.iter().any(|span| exists(span)) && spans.iter().all(|span| exists(span))
    };
    let findings = rows.iter().filter(|row| !guarded(row)).map(ToString::to_string).collect();
    none("end the row with the check: `tidy::name`, a clippy.toml, or a test file:", findings);
}

#[test]
fn spans_and_links_are_found_outside_code_blocks() {
    let text = "see `crates/a.rs` and [b](c/d.md#e), [f](https://g)\n```\n`crates/no.rs` [h](i)\n```\n`docs/j`";
    assert_eq!(Vec::from_iter(named_files(text)), ["crates/a.rs", "docs/j"]);
    assert_eq!(local_links(text).collect::<Vec<_>>(), ["c/d.md"]);
}
