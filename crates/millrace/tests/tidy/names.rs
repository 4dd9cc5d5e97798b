//! Names in documents and diagrams exist in the code: activities, queues, workflows, flags,
//! variables of the environment, endpoints and error codes.
//!
//! Decision records are left out: they say what was decided then.

use std::collections::{BTreeMap, BTreeSet};

use contract::{TaskQueue, tries};

use crate::{
    dependencies,
    documents::{code_spans, outside_blocks},
    none, tree,
};

const GRAPH: &str = "docs/SMART_DAG_ARCHITECTURE.md";
const REGISTER: &str = "crates/activities/src/register.rs";
const CRATES: &str = "docs/diagrams/03-final-architecture.d2";
/// How the names of metrics begin that Temporal's SDK counts.
const SDK_METRICS: &str = "temporal_";
/// Commands of the binary, to ask for their flags.
const COMMANDS: [&[&str]; 10] = [
    &[],
    &["up"],
    &["api"],
    &["worker"],
    &["transcode"],
    &["doctor"],
    &["ready"],
    &["keys", "create"],
    &["webhooks", "secret", "show"],
    &["webhooks", "secret", "rotate"],
];

/// The documents for users, which say what is so now.
fn guides() -> Vec<tree::File> {
    let guide = |file: &tree::File| {
        let name = file.name.as_str();
        let below_docs = name.strip_prefix("docs/").is_some_and(|rest| !rest.contains('/'));
        file.has_extension("md")
            && (below_docs || ["README.md", "ARCHITECTURE.md", "SECURITY.md"].contains(&name))
    };
    let found: Vec<_> = tree::files().into_iter().filter(guide).collect();
    assert!(found.len() > 10, "the documents are not where they were");
    found
}

fn diagrams() -> Vec<tree::File> {
    let diagram = |file: &tree::File| file.has_extension("d2") && !file.name.ends_with("/style.d2");
    let found: Vec<_> = tree::files().into_iter().filter(diagram).collect();
    assert!(found.len() >= 10, "the diagrams are not where they were");
    found
}

/// The labels of a diagram, lines apart.
fn labels(text: &str) -> Vec<&str> {
    let quoted = text.split('"').skip(1).step_by(2);
    quoted.flat_map(|label| label.split("\\n")).collect()
}

/// Each activity and the queue it is registered for.
fn activities() -> BTreeMap<String, String> {
    let text = tree::read(REGISTER);
    let mut queue = String::new();
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some((_, rest)) = line.split_once("Activities of the queue `") {
            rest.split('`').next().unwrap_or_default().clone_into(&mut queue);
        }
        let defined = line.strip_prefix("#[activity(definition = ");
        if let Some((name, _)) = defined.and_then(|rest| rest.split_once("::Activity")) {
            found.insert(name.to_owned(), queue.clone());
        }
    }
    assert!(found.len() > 20, "the activities are not registered as they were");
    found
}

/// Every word of the product's sources.
fn words() -> BTreeSet<String> {
    let product = |file: &tree::File| file.name.contains("/src/");
    let mut words = BTreeSet::new();
    for file in tree::sources().into_iter().filter(product) {
        let text = file.text();
        let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.extend(parts.map(ToOwned::to_owned));
    }
    words
}

/// Flags and variables of the environment that `--help` names.
fn flags() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for command in COMMANDS {
        let mut millrace = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
        let output = millrace.args(command).arg("--help").output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        let named = parts.filter(|part| part.starts_with("--") || part.starts_with("MILLRACE_"));
        found.extend(named.map(ToOwned::to_owned));
    }
    found
}

/// Every route of the API, as `METHOD /path` with `{}` for each parameter.
fn routes() -> BTreeSet<String> {
    let mut found = BTreeSet::from(["GET /metrics".to_owned()]);
    for file in tree::sources().into_iter().filter(|file| file.name.starts_with("crates/api/src")) {
        let text = file.text();
        for rest in text.split("#[utoipa::path(").skip(1) {
            let method = rest.split(',').next().unwrap_or_default().trim().to_uppercase();
            let path = rest.split("path = \"").nth(1).and_then(|rest| rest.split('"').next());
            found.insert(format!("{method} {}", template(path.unwrap_or_default())));
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// A path without its query and without the names of its parameters.
fn template(path: &str) -> String {
    let path = path.split(['?', ' ']).next().unwrap_or_default();
    let segments =
        path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Words joined by underscores, as fields, activities and codes are written.
fn is_snake(word: &str) -> bool {
    word.contains('_')
        && word.split('_').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

fn tokens(span: &str) -> impl Iterator<Item = &str> {
    span.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
}

#[test]
fn the_graph_names_every_activity_as_it_is() {
    let text = tree::read(GRAPH);
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let described: BTreeSet<_> = rows
        .filter_map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let name = cells[1].trim_matches('`');
            // Tables of other things have fewer columns.
            (cells.len() == 7).then(|| {
                (name.to_owned(), cells[2].trim_matches('`').to_owned(), cells[4].to_owned())
            })
        })
        .collect();
    let there = activities().into_iter().map(|(name, queue)| {
        let failures = match tries::failures_max(&name) {
            u32::MAX => "no limit".to_owned(),
            most => most.to_string(),
        };
        (name, queue, failures)
    });
    assert_eq!(described, there.collect(), "{GRAPH} on the left, the code on the right");
}

#[test]
fn diagrams_name_what_exists() {
    let (activities, words, flags) = (activities(), words(), flags());
    let routes = routes();
    let mut findings = Vec::new();
    for file in diagrams() {
        let text = file.text();
        let mut finding = |what: &str| findings.push(format!("{}: {what}", file.name));
        for label in text.split('"').skip(1).step_by(2) {
            let names: Vec<_> =
                tokens(label).filter(|word| activities.contains_key(*word)).collect();
            let queue = label.split("queue: ").nth(1).and_then(|rest| tokens(rest).next());
            if let Some(queue) = queue
                && names.iter().take(1).any(|name| activities[*name] != queue)
            {
                finding(&format!("{} is not done in the queue {queue}", names[0]));
            }
        }
        for line in labels(&text) {
            for queue in ["queue: ", "queue "].iter().filter_map(|mark| line.strip_prefix(mark)) {
                let name = tokens(queue).next().unwrap_or_default();
                if name.parse::<TaskQueue>().is_err() {
                    finding(&format!("there is no queue {name}"));
                }
            }
            if line.starts_with("POST /") && !routes.contains(&template_of(line)) {
                finding(line);
            }
            let wrong = |word: &&str| match *word {
                word if word.starts_with("--") => !flags.contains(word),
                word if is_snake(word) || word.ends_with("Workflow") => !words.contains(word),
                _ => false,
            };
            for word in tokens(line).filter(wrong) {
                finding(word);
            }
        }
    }
    none("these are called otherwise in the code, or are gone:", findings);
}

fn template_of(call: &str) -> String {
    let (method, path) = call.split_once(' ').unwrap_or_default();
    format!("{method} {}", template(path))
}

#[test]
fn the_picture_of_the_crates_is_the_dependency_table() {
    let text = tree::read(CRATES);
    let drawn: BTreeSet<_> = text.lines().filter_map(|line| line.split_once(" -> ")).collect();
    // The binary may use every crate, and fixtures are for tests.
    let rows = dependencies::TABLE.iter().filter(|row| row.0 != "millrace");
    let table: BTreeSet<_> = rows.flat_map(|row| row.1.iter().map(|used| (row.0, *used))).collect();
    assert_eq!(drawn, table, "{CRATES} on the left, dependencies.rs on the right");
}

#[test]
fn every_picture_has_a_source_and_a_reader() {
    let files = tree::files();
    let named = |extension: &str| -> BTreeSet<String> {
        let below = files.iter().filter(|file| file.name.starts_with("docs/diagrams/"));
        let found = below.filter(|file| file.has_extension(extension));
        let stem = |file: &tree::File| {
            file.path.file_stem().and_then(|stem| stem.to_str()).unwrap().to_owned()
        };
        found.map(stem).filter(|name| name != "style").collect()
    };
    assert_eq!(named("d2"), named("svg"), "run `make diagrams`");
    let texts: String = guides().iter().map(tree::File::text).collect();
    let unseen = named("svg").into_iter().filter(|name| !texts.contains(&format!("{name}.svg)")));
    none("show or link the picture in a document:", unseen.collect());
}

#[test]
fn documents_name_what_exists() {
    let (words, flags, routes) = (words(), flags(), routes());
    let paths: BTreeSet<_> = routes.iter().filter_map(|route| route.split(' ').nth(1)).collect();
    let tops: BTreeSet<_> = paths.iter().filter_map(|path| path.split('/').nth(1)).collect();
    let mut findings = Vec::new();
    for file in guides() {
        let text = file.text();
        let mut finding = |what: &str| findings.push(format!("{}: {what}", file.name));
        for span in code_spans(&text) {
            let methods = ["GET ", "POST ", "PATCH ", "HEAD ", "DELETE ", "OPTIONS "];
            if methods.iter().any(|method| span.starts_with(method) && span.contains(" /")) {
                if !routes.contains(&template_of(span)) {
                    finding(span);
                }
            } else if span.starts_with('/')
                && tops.contains(span.split(['/', '?']).nth(1).unwrap_or_default())
                && !paths.contains(template(span).as_str())
                && !paths.iter().any(|path| path.starts_with(&format!("{}/", template(span))))
            {
                finding(span);
            }
            if is_snake(span) && !span.starts_with(SDK_METRICS) && !words.contains(span) {
                finding(span);
            }
        }
        let flag = |word: &&str| word.starts_with("--") && word.len() > 3;
        let named = calls(&text).into_iter().flat_map(tokens).filter(flag);
        for word in named.chain(variables(&text)).filter(|word| !flags.contains(*word)) {
            finding(word);
        }
        for refusal in refusals(&text) {
            if !tree::read("crates/api/src/problem.rs").contains(&format!("\"{refusal}\""))
                && !tree::read("crates/api/src/uploads/refusal.rs")
                    .contains(&format!("\"{refusal}\""))
            {
                finding(refusal);
            }
        }
    }
    none("these are called otherwise in the code, or are gone:", findings);
}

/// The parts of a document that name flags of ours: code spans, and calls of the binary in blocks.
fn calls(text: &str) -> Vec<&str> {
    let spans = code_spans(text).into_iter();
    let mut found: Vec<_> =
        spans.filter(|span| span.starts_with("--") || span.starts_with("millrace ")).collect();
    for block in text.split("\n```").skip(1).step_by(2) {
        let called = block.lines().filter_map(|line| line.split_once("millrace "));
        found.extend(called.map(|(_, flags)| flags.split(['|', ';', '#']).next().unwrap_or("")));
    }
    found
}

/// Variables of the environment that a document names.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).filter(|word| word.starts_with("MILLRACE_") && word.len() > "MILLRACE_".len())
}

/// Kinds of refusals, such as in `429 rate-limited`.
fn refusals(text: &str) -> Vec<&str> {
    let words: Vec<_> =
        outside_blocks(text).flat_map(|part| part.split([' ', '`', '\n', ',', ')', ';'])).collect();
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let status =
        |word: &str| word.len() == 3 && word.parse().is_ok_and(|n: u16| (400..600).contains(&n));
    let kind = |word: &&str| {
        word.contains('-') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    let pairs = words.windows(2).filter(|pair| status(pair[0]));
    pairs.map(|pair| pair[1]).filter(kind).collect()
}

#[test]
fn names_are_found_where_they_are_written() {
    assert_eq!(refusals("answers 429 `rate-limited`, or 404"), ["rate-limited"]);
    assert_eq!(template("/videos/{id}/jobs?page=1"), "/videos/{}/jobs");
    assert!(is_snake("probe_source") && !is_snake("probe") && !is_snake("Probe_x"));
    assert_eq!(calls("`--a` `x --b`\n```sh\ny millrace up --c | z --d\n```\n"), ["--a", "up --c "]);
    assert_eq!(labels("a: \"x\\nqueue: y\" {class: z}"), ["x", "queue: y"]);
}
