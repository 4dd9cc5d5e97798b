//! The files of deployments speak of this binary: its variables, its queues, and how long it takes to stop.
//!
//! Whether they work is found out by `make test-stack`; this is what every change can break unseen.

use std::{collections::BTreeSet, path::Path};

use contract::TaskQueue;

/// Commands that have all flags together.
const COMMANDS: [&[&str]; 5] = [&["up"], &["api"], &["worker"], &["transcode"], &["ready"]];
/// Where they are named: files, and folders with all that is in them.
const PLACES: [&str; 8] = [
    "Dockerfile",
    "README.md",
    "SECURITY.md",
    "compose.minio.yml",
    "deploy",
    "docker-compose.yml",
    "docs",
    "transcoding-engine-stack",
];

/// The variables of a command's flags, as its help lists them.
fn read_by(command: &[&str]) -> Vec<String> {
    let mut millrace = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
    let output = millrace.args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let after = text.split("[env: ").skip(1);
    after.map(|rest| rest.split(['=', ']']).next().unwrap_or_default().to_owned()).collect()
}

/// The words of a text that begin like our variables.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !word(c)).filter(|word| word.starts_with("MILLRACE_"));
    words.map(|word| word.trim_end_matches('_').to_owned()).collect()
}

/// Calls `look` with every file below a place, and its text.
fn each_text(place: &Path, look: &mut impl FnMut(&Path, &str)) {
    if place.is_dir() {
        for entry in fs_err::read_dir(place).unwrap() {
            each_text(&entry.unwrap().path(), look);
        }
    } else {
        look(place, &fs_err::read_to_string(place).unwrap());
    }
}

#[test]
fn every_variable_that_files_name_is_one_that_the_binary_reads() {
    let known: BTreeSet<String> = COMMANDS.into_iter().flat_map(read_by).collect();
    assert!(known.len() > 50, "{known:?}");
    let (mut unknown, mut seen) = (Vec::new(), BTreeSet::new());
    for place in PLACES {
        each_text(&fixtures::repo_root().join(place), &mut |path, text| {
            let names = named(text);
            let wrong = names.iter().filter(|name| !known.contains(*name));
            unknown.extend(wrong.map(|name| format!("{}: {name}", path.display())));
            seen.extend(names);
        });
    }
    assert!(unknown.is_empty(), "no flag has this variable:\n  {}", unknown.join("\n  "));
    // A search that finds nothing would find no fault either.
    for needed in ["MILLRACE_DATABASE", "MILLRACE_QUEUES", "MILLRACE_METRICS_ADDR"] {
        assert!(seen.contains(needed), "no file names {needed}");
    }
}

#[test]
fn names_are_found_in_any_syntax() {
    let text =
        "MILLRACE_A: x\n- {name: MILLRACE_B_2, value: 1}\nEnvironment=MILLRACE_C=%S `MILLRACE_D`";
    assert_eq!(
        Vec::from_iter(named(text)),
        ["MILLRACE_A", "MILLRACE_B_2", "MILLRACE_C", "MILLRACE_D"]
    );
}

/// A file of the checkout.
fn text(place: &str) -> String {
    fs_err::read_to_string(fixtures::repo_root().join(place)).unwrap()
}

#[test]
fn every_queue_has_a_worker_in_each_deployment() {
    let stack = text("transcoding-engine-stack/docker-compose.yml");
    let scraped = text("deploy/prometheus/prometheus.yml");
    let (pods, scaled) = (
        text("deploy/k8s/base/workers.yaml"),
        text("deploy/k8s/overlays/autoscaled/scaled-objects.yaml"),
    );
    for queue in TaskQueue::ALL.map(TaskQueue::name) {
        assert!(stack.contains(&format!("  worker-{queue}:\n")), "{queue}");
        assert!(stack.contains(&format!("MILLRACE_QUEUES: {queue}}}\n")), "{queue}");
        assert!(scraped.contains(&format!("- worker-{queue}\n")), "{queue}");
        assert!(pods.contains(&format!("  name: worker-{queue}\n")), "{queue}");
        assert!(pods.contains(&format!("MILLRACE_QUEUES, value: {queue}}}\n")), "{queue}");
        // Workflows need their worker at all times, so nothing takes it away.
        let watched = scaled.contains(&format!("taskQueue: {queue}\n"));
        assert_eq!(watched, queue != TaskQueue::VideoWorkflows.name(), "{queue}");
    }
}

/// The numbers that follow a word in a text, whatever is between: `word: 300`, `word, value: "300"`.
fn numbers(text: &str, word: &str) -> Vec<u32> {
    let after = text.split(word).skip(1);
    let digits = after.map(|rest| rest.trim_start_matches(|c: char| !c.is_ascii_digit()));
    let number = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    digits.map(|rest| number(rest).parse().unwrap()).collect()
}

#[test]
fn nothing_is_killed_before_it_has_drained() {
    for (place, grace) in [
        ("docker-compose.yml", "stop_grace_period"),
        ("transcoding-engine-stack/docker-compose.yml", "stop_grace_period"),
        ("deploy/k8s/base/workers.yaml", "terminationGracePeriodSeconds:"),
        ("deploy/systemd/millrace-worker@.service", "\nTimeoutStopSec"),
    ] {
        let text = text(place);
        let (drains, graces) = (numbers(&text, "MILLRACE_DRAIN_SECONDS"), numbers(&text, grace));
        let longest = drains.iter().max().expect(place);
        let shortest = graces.iter().min().expect(place);
        // Ten seconds to tell Temporal and to close connections.
        assert!(
            *shortest >= longest + 10,
            "{place}: {longest} s to drain, killed after {shortest} s"
        );
    }
}
