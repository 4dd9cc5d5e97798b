//! Which crate may use which: the table that makes the boundaries, and the bans.

use crate::{none, tree};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::BTreeSet;

/// Each crate, the crates of ours that it may use, and the crates of others that it must not.
/// A new edge needs a decision record in docs/adr.
pub(crate) const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("media", &[], &["tokio", "futures", "reqwest", "fs-err", "time", "nix", "axum", "sea-orm"]),
    (
        "rtmp",
        &[],
        &["tokio", "futures", "fs-err", "nix", "axum", "reqwest", "sea-orm", "uuid", "time"],
    ),
    ("contract", &["media"], &["tokio", "axum", "reqwest", "fs-err", "temporalio-sdk"]),
    (
        "contain",
        &[],
        &["tokio", "temporalio-sdk", "temporalio-common", "reqwest", "axum", "sea-orm"],
    ),
    ("workflows", &["media", "contract"], &["tokio", "time", "uuid", "rand", "fs-err", "reqwest"]),
    (
        "activities",
        &["media", "contract", "ffmpeg", "storage", "catalog", "fetch"],
        &["axum", "reqwest", "temporalio-client"],
    ),
    ("ffmpeg", &["media", "contain"], &["temporalio-sdk", "temporalio-common", "reqwest", "axum"]),
    ("storage", &[], &["temporalio-sdk", "temporalio-common", "axum"]),
    (
        "catalog",
        &["media", "contract"],
        &["temporalio-sdk", "temporalio-client", "axum", "reqwest"],
    ),
    ("fetch", &["ffmpeg", "contain"], &["temporalio-sdk", "temporalio-common", "axum"]),
    ("api", &["media", "contract", "catalog", "storage"], &["temporalio-sdk", "reqwest"]),
    ("workers", &["activities", "workflows", "contract"], &["axum", "reqwest"]),
    (
        "millrace",
        &[
            "media",
            "contract",
            "workflows",
            "activities",
            "ffmpeg",
            "storage",
            "catalog",
            "contain",
            "fetch",
            "api",
            "workers",
        ],
        &[],
    ),
    ("fixtures", &[], &["axum", "temporalio-sdk"]),
];

/// Crates of others that only one crate of ours may use, in its product code.
const ONLY: &[(&str, &str)] = &[
    ("aws-sdk-s3", "storage"),
    ("object_store", "storage"),
    ("sea-orm", "catalog"),
    ("sea-orm-migration", "catalog"),
    ("reqwest", "fetch"),
    ("utoipa-axum", "api"),
    ("clap", "millrace"),
    ("landlock", "contain"),
    ("seccompiler", "contain"),
];

/// A second TLS or crypto library, which two of our dependencies would bring by default.
const BANNED: &[&str] = &["openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"];

fn metadata() -> Metadata {
    let manifest = fixtures::repo_root().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap()
}

fn direct(package: &Package, kind: DependencyKind) -> BTreeSet<String> {
    let all = package.dependencies.iter().filter(|dependency| dependency.kind == kind);
    all.map(|dependency| dependency.name.clone()).collect()
}

#[test]
fn every_crate_is_in_the_dependency_table() {
    let found: BTreeSet<_> = metadata().packages.iter().map(|p| p.name.to_string()).collect();
    let known = TABLE.iter().map(|row| row.0.to_owned()).collect();
    let advice = "give the crate a row in dependencies.rs, a line in ARCHITECTURE.md and a decision \
                  record, or remove its row:";
    none(advice, found.symmetric_difference(&known).cloned().collect());
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let metadata = metadata();
    let ours: BTreeSet<_> = metadata.packages.iter().map(|p| p.name.to_string()).collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some(row) = TABLE.iter().find(|row| row.0 == package.name.as_str()) else { continue };
        for used in direct(package, DependencyKind::Normal) {
            if ours.contains(&used) && !row.1.contains(&used.as_str()) {
                findings.push(format!("{} uses {used}", row.0));
            }
            if row.2.contains(&used.as_str()) {
                findings.push(format!("{} must never use {used}", row.0));
            }
        }
    }
    none(
        "move the code to the crate whose work it is; a new edge needs a decision record:",
        findings,
    );
}

#[test]
fn what_belongs_to_one_crate_stays_there() {
    let mut findings = Vec::new();
    for package in &metadata().packages {
        let used = direct(package, DependencyKind::Normal);
        for (theirs, owner) in ONLY {
            if used.contains(*theirs) && package.name.as_str() != *owner {
                findings.push(format!("{} uses {theirs}, which belongs to {owner}", package.name));
            }
        }
    }
    none("go through the crate that owns it:", findings);
}

#[test]
fn fixtures_are_a_dev_dependency_only() {
    let linked = |package: &&Package| {
        let kinds = [DependencyKind::Normal, DependencyKind::Build];
        kinds.into_iter().any(|kind| direct(package, kind).contains("fixtures"))
    };
    let metadata = metadata();
    let findings = metadata.packages.iter().filter(linked).map(|p| p.name.to_string()).collect();
    none("move fixtures to [dev-dependencies]:", findings);
}

#[test]
fn tests_reach_no_further_than_the_table() {
    let metadata = metadata();
    let ours: BTreeSet<_> = metadata.packages.iter().map(|p| p.name.to_string()).collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some(row) = TABLE.iter().find(|row| row.0 == package.name.as_str()) else { continue };
        let used = direct(package, DependencyKind::Development);
        let beyond = used.iter().filter(|used| ours.contains(*used) && *used != "fixtures");
        let beyond = beyond.filter(|used| !row.1.contains(&used.as_str()));
        findings.extend(beyond.map(|used| format!("the tests of {} use {used}", row.0)));
    }
    none("test the two together in crates/millrace/tests:", findings);
}

#[test]
fn every_crate_inherits_the_lints() {
    let dir = fixtures::repo_root().join("crates");
    let mut findings = Vec::new();
    for entry in fs_err::read_dir(dir).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let text = fs_err::read_to_string(&manifest).unwrap();
        if !text.contains("[lints]\nworkspace = true") {
            findings.push(manifest.display().to_string());
        }
    }
    none("add `[lints]` with `workspace = true`:", findings);
}

#[test]
fn one_crypto_library_is_linked() {
    let lock = tree::read("Cargo.lock");
    let locked = |name: &&&str| lock.contains(&format!("name = \"{name}\"\n"));
    let findings = BANNED.iter().filter(locked).map(ToString::to_string).collect();
    none("find who brings it with `cargo tree -i`, and turn its default features off:", findings);
}

#[test]
fn the_workflow_bans_hold_the_root_bans() {
    let (root, workflows) = (tree::read("clippy.toml"), tree::read("crates/workflows/clippy.toml"));
    let rules = root.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let findings = rules.filter(|rule| !workflows.lines().any(|line| line == *rule));
    let advice = "clippy merges nothing: repeat these lines in crates/workflows/clippy.toml:";
    none(advice, findings.map(ToOwned::to_owned).collect());
}
