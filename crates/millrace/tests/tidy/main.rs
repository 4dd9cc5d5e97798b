//! Reads the checkout and fails where it breaks a rule of the house.
//!
//! Owns the rules that neither the compiler nor clippy can see: which crate may use which, how long
//! files and functions may be, and that the documents speak of what exists. Says what to do about
//! each finding.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its ground has failed")]

mod dependencies;
mod documents;
mod files;
mod names;
mod one_place;
mod shape;
mod tree;

/// Fails with one line per finding, below what to do about them.
#[track_caller]
fn none(advice: &str, mut findings: Vec<String>) {
    findings.sort();
    assert!(findings.is_empty(), "{advice}\n  {}", findings.join("\n  "));
}
