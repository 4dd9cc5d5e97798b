//! How long files and functions may be, and that each file says what it owns.

use crate::{none, tree};

/// Production lines of a file: neither blank, nor comment, nor inside `mod tests {}`.
const FILE_MAX: usize = 500;
/// Lines of a function, from its name to its closing brace.
const FUNCTION_MAX: usize = 70;

fn is_test(name: &str) -> bool {
    let dirs = ["tests/", "benches/", "examples/", "testdata/"];
    dirs.iter().any(|dir| name.contains(&format!("/{dir}"))) || name.ends_with("/tests.rs")
}

/// The production lines of a file with their numbers, comments left out.
fn production(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let whole = |line: &&str| !(line.trim().starts_with("mod tests") && line.contains('{'));
    let lines = text.lines().take_while(whole).enumerate();
    lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with("//"))
}

/// The indent and name of the function whose body this line opens, if it does.
fn function(line: &str) -> Option<(&str, &str)> {
    let mut rest = line.trim_start();
    let indent = &line[..line.len() - rest.len()];
    if line.trim_end().ends_with(';') {
        return None;
    }
    if let Some(after) = rest.strip_prefix("pub") {
        rest =
            after.strip_prefix('(').and_then(|scope| scope.split_once(") ")).map_or(after, |s| s.1);
        rest = rest.trim_start();
    }
    for word in ["export ", "const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let words = ["fn ", "function ", "function* "];
    let name = words.iter().find_map(|word| rest.strip_prefix(word))?;
    Some((indent, name.split(['(', '<']).next()?))
}

/// Name and length of every function longer than allowed.
fn long_functions(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let functions = production(text).filter_map(|(n, line)| Some((n, function(line)?)));
    let lengths = functions.filter_map(|(n, (indent, name))| {
        let closes = |line: &&str| line.strip_prefix(indent).is_some_and(|l| l.starts_with('}'));
        let length = lines[n..].iter().position(closes)? + 1;
        (length > FUNCTION_MAX).then(|| format!("fn {name} has {length} lines"))
    });
    lengths.collect()
}

#[test]
fn files_are_short() {
    let files = tree::written().into_iter().filter(|file| !is_test(&file.name));
    let lengths = files.map(|file| (production(&file.text()).count(), file.name));
    let long = lengths.filter(|(length, _)| *length > FILE_MAX);
    let findings =
        long.map(|(length, name)| format!("{name}: {length} production lines")).collect();
    none(&format!("split the file by what it owns, to at most {FILE_MAX}:"), findings);
}

#[test]
fn functions_are_short() {
    let files = tree::written().into_iter().filter(|file| !is_test(&file.name));
    let findings = files.flat_map(|file| {
        let found = long_functions(&file.text()).into_iter();
        found.map(move |finding| format!("{}: {finding}", file.name)).collect::<Vec<_>>()
    });
    none(&format!("name its steps, to at most {FUNCTION_MAX} lines:"), findings.collect());
}

#[test]
fn every_file_says_what_it_owns() {
    let begins = |file: &tree::File| match file.name.rsplit('.').next() {
        Some("rs") => "//! ",
        Some("css") => "/* ",
        _ => "// ",
    };
    let silent = |file: &tree::File| !file.text().starts_with(begins(file));
    let files = tree::written().into_iter().filter(silent);
    let advice =
        "begin the file with a comment (`//!` in Rust): what it owns, and what it does not:";
    none(advice, files.map(|file| file.name).collect());
}

#[test]
fn no_test_is_switched_off() {
    let mut findings = Vec::new();
    for file in tree::sources() {
        for (n, line) in file.text().lines().enumerate() {
            if line.trim_start().starts_with("#[ignore") {
                findings.push(format!("{}:{}", file.name, n + 1));
            }
        }
    }
    none(
        "mend the test or delete it; a missing tool skips with fixtures::require_or_skip:",
        findings,
    );
}

#[test]
fn a_function_is_measured_from_its_name_to_its_brace() {
    let body = "        step();\n".repeat(69);
    let long = format!("impl A {{\n    pub(crate) async fn long<T>(t: T) {{\n{body}    }}\n}}\n");
    assert_eq!(long_functions(&long), ["fn long has 71 lines"]);
    assert!(long_functions(&long.replacen("        step();\n", "", 1)).is_empty());
    let script = format!("export async function* long(t) {{\n{body}}}\n");
    assert_eq!(long_functions(&script), ["fn long has 71 lines"]);
    let in_tests = format!("mod tests {{\n{long}}}\n");
    assert!(long_functions(&in_tests).is_empty());
}

#[test]
fn blank_lines_comments_and_tests_are_not_production() {
    let text = "//! Owns.\n\nfn a() {}\n/// Doc.\nconst B: u8 = 1; // why\n\nmod tests {\n    fn c() {}\n}\n";
    assert_eq!(production(text).count(), 2);
}
