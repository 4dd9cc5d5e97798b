//! What must go through one function: texts for Temporal, and comparisons of times in the catalogue.

use crate::{none, tree};

/// Calls that hand Temporal a text, and what such a text comes from.
const TEXTS: [(&str, &str); 6] = [
    (".summary(", "text::summary("),
    ("static_summary(", "text::summary("),
    ("static_summary = Some(", "text::summary("),
    ("fairness_key(", "text::fairness_key("),
    ("set_current_details(", "text::details("),
    ("TENANT.value_set(", "text::keyword("),
];

/// Comparisons that only `times.rs` may make of a column that holds a time.
const COMPARISONS: [&str; 8] = ["lt(", "lte(", "gt(", "gte(", "eq(", "between(", "min(", "max("];

fn product(folders: [&str; 2]) -> Vec<tree::File> {
    let ours = |file: &tree::File| folders.iter().any(|folder| file.name.starts_with(folder));
    tree::sources().into_iter().filter(ours).collect()
}

#[test]
fn every_text_for_temporal_is_bounded() {
    let mut findings = Vec::new();
    let mut bounded = 0;
    for file in product(["crates/workflows/src/", "crates/api/src/"]) {
        for (number, line) in file.text().lines().enumerate() {
            for (call, made) in TEXTS {
                let Some((_, argument)) = line.split_once(call) else { continue };
                if line.contains("fn ") || line.contains(&format!("text::{call}")) {
                    continue;
                }
                if argument.contains(made) {
                    bounded += 1;
                } else {
                    findings.push(format!("{}:{}: {}", file.name, number + 1, line.trim()));
                }
            }
        }
    }
    assert!(bounded > 10, "only {bounded} texts were found: are the calls called otherwise?");
    none("make the text with a function of `contract::text`:", findings);
}

#[test]
fn the_catalogue_compares_times_in_one_place() {
    let mut findings = Vec::new();
    for file in product(["crates/catalog/src/", "crates/catalog/src/"]) {
        if file.name.ends_with("/times.rs") {
            continue;
        }
        for (number, line) in file.text().lines().enumerate() {
            let compared = line.split("At.").skip(1);
            if compared.into_iter().any(|rest| COMPARISONS.iter().any(|it| rest.starts_with(it))) {
                findings.push(format!("{}:{}: {}", file.name, number + 1, line.trim()));
            }
        }
    }
    none("SQLite compares times as texts; use a function of `times.rs`:", findings);
}
