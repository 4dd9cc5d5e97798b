//! One trace leads from a client's request to every ffmpeg that it caused.

use std::collections::HashMap;

use fixtures::Clip;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;

use crate::{
    collector::{Collector, attribute},
    product::{Flags, Product, data},
    sources::serve_file,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const SECRET: &str = "a-token-nobody-may-see";

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The span and those above it, as far as they are known.
fn line<'a>(spans: &HashMap<String, &'a Span>, mut span: &'a Span) -> Vec<&'a Span> {
    let mut line = vec![span];
    while let Some(parent) = spans.get(&hex(&span.parent_span_id)) {
        line.push(parent);
        span = parent;
    }
    line
}

#[tokio::test]
async fn every_ffmpeg_is_in_the_trace_of_its_request() {
    let (data, mut collector) = (data(), Collector::start().await);
    let flags = Flags::short_chunks().and(["--otlp-endpoint", collector.address()]);
    let soon = |command: &mut std::process::Command| {
        command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    };
    let Some(product) = Product::start_with(data.path(), &flags, soon) else { return };
    let url = serve_file(Clip::new().seconds(8).path()).await;
    let asked = json!({"url": format!("{url}?token={SECRET}"), "options": {"preset": "ultrafast"}});
    let answer = product
        .request("POST", "/videos")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .json(&asked)
        .send()
        .await
        .unwrap();
    let video: serde_json::Value = answer.json().await.unwrap();
    let id = video["id"].as_str().unwrap();
    product.ready(id).await;
    let all = collector
        .until(|spans| spans.iter().any(|span| span.name == "RunWorkflow:VideoWorkflow"))
        .await;
    assert!(!format!("{all:?}").contains(SECRET));
    let ours: Vec<_> = all.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    let by_id: HashMap<_, _> = all.iter().map(|span| (hex(&span.span_id), span)).collect();
    let programs = ["ffmpeg", "ffprobe"];
    let children: Vec<_> =
        all.iter().filter(|span| programs.contains(&span.name.as_str())).collect();
    // A worker tries the graphics card when it starts, for no request.
    let root = |span| line(&by_id, span).last().map(|root| root.name.clone());
    let (trials, children): (Vec<_>, Vec<_>) =
        children.into_iter().partition(|span| root(span).as_deref() == Some("warm_up"));
    assert!(trials.len() <= 1, "{trials:?}");
    assert!(children.len() >= 4, "a probe, two chunks and the sound are children: {children:?}");
    let mut encoding = 0;
    for child in children {
        let names: Vec<_> = line(&by_id, child).iter().map(|span| span.name.as_str()).collect();
        let above =
            ["activity", "RunActivity:", "StartActivity:", "RunWorkflow:", "StartWorkflow:"];
        for (found, expected) in names[1..].iter().zip(above) {
            assert!(found.starts_with(expected), "{names:?}");
        }
        assert_eq!(names.last(), Some(&"POST /videos"), "{names:?}");
        let activity = line(&by_id, child)[1];
        assert_eq!(attribute(activity, "video"), Some(id));
        assert!(attribute(activity, "queue").is_some());
        encoding += usize::from(attribute(activity, "activity") == Some("transcode_chunk"));
        assert!(child.attributes.iter().any(|attribute| attribute.key == "exit_code"));
    }
    assert!(encoding >= 2, "each chunk has its ffmpeg");
    let request = ours.iter().find(|span| span.name == "POST /videos").unwrap();
    assert_eq!(hex(&request.parent_span_id), CALLER);
    assert_eq!(attribute(request, "video"), Some(id));
}
