//! `/metrics`: what is told is what docs/operations.md lists, and nothing grows with the videos.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use fixtures::{Clip, PATIENCE, Temporal};
use serde_json::json;

use crate::{
    product::{Flags, Product, Worker, data, free_port},
    sources::serve,
};

/// What the worker is asked with.
const TOKEN: &str = "a-token-of-the-operator";

/// Name, type and help of every metric of ours in an answer.
fn told(text: &str) -> BTreeSet<(String, String, String)> {
    let of = |kind: &'static str| {
        let lines = text.lines().filter_map(move |line| line.strip_prefix(kind));
        lines
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| name.starts_with("millrace_"))
    };
    let help = |name| of("# HELP ").find(|(of, _)| *of == name).map_or("", |(_, help)| help);
    of("# TYPE ").map(|(name, kind)| (name.into(), kind.into(), help(name).into())).collect()
}

/// The same of the table in the document.
fn documented() -> BTreeSet<(String, String, String)> {
    let path = fixtures::repo_root().join("docs/operations.md");
    let text = fs_err::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `millrace_"));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|row| (row[0].trim_matches('`').into(), row[1].into(), row[2].into())).collect()
}

/// The value of a sample, written as it stands in the answer.
pub(crate) fn value(text: &str, sample: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn what_is_told_is_what_is_documented() {
    let (data, clip) = (data(), Clip::new().seconds(8).path());
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let base = serve(clip.parent().unwrap().to_owned()).await;
    let name = clip.file_name().unwrap().to_str().unwrap();
    let options = json!({"preset": "ultrafast"});
    let good = product.submit(&format!("{base}/{name}"), options.clone()).await;
    let bad = product.submit(&format!("{base}/gone"), options).await;
    product.ready(&good).await;
    product.ended(&bad).await;
    let answer = product.request("GET", "/metrics").send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    let text = answer.text().await.unwrap();
    pretty(&told(&text), &documented());
    assert!((value(&text, r#"millrace_videos{status="ready"}"#) - 1.0).abs() < f64::EPSILON);
    assert!((value(&text, r#"millrace_videos{status="failed"}"#) - 1.0).abs() < f64::EPSILON);
    let failed = r#"millrace_activity_errors_total{activity="download_source",code="source_not_found",result="failed"}"#;
    assert!((value(&text, failed) - 1.0).abs() < f64::EPSILON);
    assert!((value(&text, "millrace_chunk_media_seconds_sum") - 8.0).abs() < 0.1);
    assert!(value(&text, "millrace_downloaded_bytes_total") > 1000.0);
    assert!(text.contains(r#"route="/videos/{id}""#), "{text}");
    assert!(text.contains("\ntemporal_worker_task_slots_available{"), "{text}");
    for grows in [good.as_str(), bad.as_str(), name] {
        assert!(!text.contains(grows), "a label holds {grows}");
    }
}

fn pretty(
    told: &BTreeSet<(String, String, String)>,
    documented: &BTreeSet<(String, String, String)>,
) {
    let differing: Vec<_> = told.symmetric_difference(documented).collect();
    assert!(differing.is_empty(), "/metrics and docs/operations.md differ: {differing:#?}");
}

#[tokio::test]
async fn a_worker_answers_where_it_is_told_to() {
    let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    let options = fixtures::temporal::Options::with_search_attributes(attributes);
    let Some(temporal) = Temporal::start_or_skip(options).await else { return };
    let (data, port) = (data(), free_port());
    let address = format!("127.0.0.1:{}", port.number());
    let flags = ["--queues", "transcode", "--slots", "transcode=3", "--metrics-addr", &address];
    let flags = [&flags[..], &["--metrics-token", TOKEN]].concat();
    let _worker = Worker::with(data.path(), &temporal.address(), &flags);
    // Fails only when it is already set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let give_up = Instant::now() + PATIENCE;
    let text = loop {
        let asked = http.get(format!("http://{address}/metrics")).bearer_auth(TOKEN).send().await;
        let text = match asked {
            Ok(answer) => answer.text().await.unwrap(),
            Err(_) => String::new(),
        };
        if text.contains("millrace_queue_slots{") {
            break text;
        }
        assert!(Instant::now() < give_up, "no answer but {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(
        (value(&text, r#"millrace_queue_slots{queue="transcode"}"#) - 3.0).abs() < f64::EPSILON
    );
    assert!(value(&text, "millrace_scratch_free_bytes") > 0.0);
    let stranger = http.get(format!("http://{address}/metrics"));
    assert_eq!(stranger.send().await.unwrap().status(), 403);
}

#[test]
fn a_worker_that_others_reach_needs_a_token() {
    let data = data();
    let mut command = crate::product::millrace("worker", data.path());
    let output = command.args(["--metrics-addr", "0.0.0.0:0"]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--metrics-token"), "{said}");
}
