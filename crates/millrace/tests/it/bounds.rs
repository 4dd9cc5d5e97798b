//! docs/security.md names every flag that bounds something, with the default it has.

use std::collections::BTreeMap;

/// Words in the name of a flag that bounds something.
const WORDS: [&str; 13] = [
    "max", "min", "per", "reserve", "seconds", "days", "patience", "slots", "parallel", "limit",
    "keep", "mib", "most",
];

/// Flags of a command, each with its default.
fn flags(command: &[&str]) -> BTreeMap<String, Option<String>> {
    let mut millrace = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
    let output = millrace.args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut last = None;
    for line in text.lines().map(str::trim) {
        let name = line.split_whitespace().find_map(|word| word.strip_prefix("--"));
        if let Some(name) = name.filter(|_| line.starts_with('-')) {
            found.insert(name.to_owned(), None);
            last = Some(name.to_owned());
        }
        let default = line.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']'));
        if let (Some((default, _)), Some(name)) = (default, &last) {
            found.insert(name.clone(), Some(default.to_owned()));
        }
    }
    found
}

/// Flags in the document's first table, each with its default.
fn documented() -> BTreeMap<String, Option<String>> {
    let path = fixtures::repo_root().join("docs/security.md");
    let text = fs_err::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `--"));
    let row = |row: &str| {
        let (name, rest) = row.split_once('`').unwrap();
        let default = rest.split('|').nth(1).unwrap().trim();
        (name.to_owned(), Some(default.to_owned()).filter(|default| default != "-"))
    };
    rows.map(row).collect()
}

#[test]
fn every_bound_of_the_binary_is_documented_with_its_default() {
    let commands = [&["up"][..], &["api"], &["worker"], &["transcode"], &["keys", "create"]];
    let known: BTreeMap<_, _> = commands.into_iter().flat_map(flags).collect();
    let bounds = |name: &str| name.split('-').any(|word| WORDS.contains(&word));
    let bounding: BTreeMap<_, _> = known
        .iter()
        .filter(|(name, _)| bounds(name))
        .map(|(n, d)| (n.clone(), d.clone()))
        .collect();
    assert!(bounding.len() > 20, "{bounding:?}");
    assert_eq!(documented(), bounding);
}
