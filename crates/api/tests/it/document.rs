//! The OpenAPI document against what is there.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use media::options::{Options, RungOption};
use serde_json::Value;

use crate::harness::Harness;

const ROUTES: [(&str, &[&str]); 6] = [
    ("/healthz", &["get"]),
    ("/openapi.json", &["get"]),
    ("/readyz", &["get"]),
    ("/videos", &["get", "post"]),
    ("/videos/{id}", &["get"]),
    ("/videos/{id}/cancel", &["post"]),
];

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_a_route() {
    let Some(harness) = Harness::start().await else { return };
    let document = harness.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let described: Vec<_> = keys(&document["paths"]).into_iter().collect();
    assert_eq!(described, ROUTES.map(|(path, _)| path));
    for (path, methods) in ROUTES {
        let operations = &document["paths"][path];
        assert_eq!(keys(operations), methods.iter().copied().collect(), "{path}");
        for method in ["get", "post", "put", "patch", "delete"] {
            let request = Request::builder()
                .method(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap())
                .uri(path.replace("{id}", "0192f000-0000-7000-8000-000000000001"));
            let answer = harness.send(request.body(Body::empty()).unwrap()).await;
            let known = answer.status != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(known, methods.contains(&method), "{method} {path}");
            assert!(!answer.text().contains("unknown-route"), "{method} {path}");
        }
    }
}

#[test]
fn routes_are_only_added_together_with_their_description() {
    let source = include_str!("../../src/lib.rs");
    assert!(source.contains(".routes(routes!("));
    for bare in [".route(", ".route_service(", ".nest(", ".nest_service(", ".merge("] {
        assert!(!source.contains(bare), "use `.routes(routes!(…))` in place of `{bare}…)`");
    }
}

#[tokio::test]
async fn every_option_and_every_answer_is_described() {
    let Some(harness) = Harness::start().await else { return };
    let document = harness.get("/openapi.json").await.json();
    let schemas = &document["components"]["schemas"];
    let rung = RungOption {
        name: "a".into(),
        height: 720,
        bitrate: "3M".parse().unwrap(),
        audio_bitrate: "128k".parse().unwrap(),
    };
    let options = Options {
        resolutions: Some(vec!["720p".into()]),
        ladder: Some(vec![rung.clone()]),
        preset: Some(media::options::Preset::Fast),
        priority: Some(1),
    };
    let options = serde_json::to_value(options).unwrap();
    assert_eq!(keys(&schemas["Options"]["properties"]), keys(&options));
    let rung = serde_json::to_value(rung).unwrap();
    assert_eq!(keys(&schemas["RungOption"]["properties"]), keys(&rung));
    for closed in ["CreateVideo", "Options", "RungOption"] {
        assert_eq!(schemas[closed]["additionalProperties"], false, "{closed}");
    }
    let asked = keys(&schemas["CreateVideo"]["properties"]);
    assert_eq!(asked, ["bucket", "key", "metadata", "options", "url"].into());

    let id = harness.create().await;
    let shown = harness.get(&format!("/videos/{id}")).await.json();
    assert_eq!(keys(&schemas["VideoView"]["properties"]), keys(&shown));
    let problem = harness.get("/nowhere").await.json();
    let members = keys(&schemas["Problem"]["properties"]);
    assert!(members.is_superset(&keys(&problem)), "{members:?}");
    assert_eq!(members.len(), 6);
}

#[tokio::test]
async fn every_reference_in_the_document_resolves() {
    let Some(harness) = Harness::start().await else { return };
    let document = harness.get("/openapi.json").await.json();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 10, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
