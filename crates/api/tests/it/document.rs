//! The OpenAPI document against what is there.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use media::options::{Options, RungOption};
use serde_json::{Value, json};

use crate::harness::Harness;

const ROUTES: [(&str, &[&str]); 22] = [
    ("/api/transcode/jobs", &["get"]),
    ("/api/transcode/status/{id}", &["get"]),
    ("/api/transcode/submit", &["post"]),
    ("/healthz", &["get"]),
    ("/openapi.json", &["get"]),
    ("/readyz", &["get"]),
    ("/uploads", &["options", "post"]),
    ("/uploads/presigned", &["post"]),
    ("/uploads/{id}", &["delete", "head", "patch"]),
    ("/uploads/{id}/complete", &["post"]),
    ("/v2/{endpoint}/cancel/{id}", &["post"]),
    ("/v2/{endpoint}/run", &["post"]),
    ("/v2/{endpoint}/status/{id}", &["get"]),
    ("/videos", &["get", "post"]),
    ("/videos/{id}", &["delete", "get"]),
    ("/videos/{id}/cancel", &["post"]),
    ("/videos/{id}/events", &["get"]),
    ("/videos/{id}/jobs", &["get"]),
    ("/videos/{id}/retry", &["post"]),
    ("/webhooks/deliveries", &["get"]),
    ("/webhooks/deliveries/{id}", &["get"]),
    ("/webhooks/deliveries/{id}/replay", &["post"]),
];

const ID: &str = "0192f000-0000-7000-8000-000000000001";

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
                .uri(path.replace("{endpoint}", "any").replace("{id}", ID));
            let answer = harness.send(request.body(Body::empty()).unwrap()).await;
            let known = answer.status != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(known, methods.contains(&method), "{method} {path}");
            assert!(!answer.text().contains("unknown-route"), "{method} {path}");
        }
    }
}

#[test]
fn routes_are_only_added_together_with_their_description() {
    // What the binary puts beside the API is none of its calls.
    let source = include_str!("../../src/lib.rs").replacen(".merge(beside)", "", 1);
    assert!(source.contains(".routes(routes!("));
    for bare in [".route(", ".route_service(", ".nest(", ".nest_service(", ".merge("] {
        assert!(!source.contains(bare), "use `.routes(routes!(…))` in place of `{bare}…)`");
    }
}

/// The object a schema describes, which may be one of several forms.
fn settings(schema: &Value) -> &Value {
    if schema["properties"].is_object() {
        return schema;
    }
    let forms = schema["oneOf"].as_array();
    forms.and_then(|all| all.iter().find(|form| form["properties"].is_object())).unwrap_or(schema)
}

#[tokio::test]
async fn every_option_and_every_answer_is_described() {
    let Some(harness) = Harness::start().await else { return };
    let document = harness.get("/openapi.json").await.json();
    let schemas = &document["components"]["schemas"];
    let rung: RungOption =
        serde_json::from_value(json!({"name": "a", "height": 720, "bitrate": "3M"})).unwrap();
    let everything = json!({
        "resolutions": ["720p"], "ladder": [rung], "preset": "fast", "priority": 1,
        "encoder": "x264", "thumbnail": {"mode": "timestamp", "at_seconds": 1.0, "widths": [320]},
        "watermark": {"text": "a", "image": {"url": "u", "bucket": "b", "key": "k"},
            "position": "center", "opacity": 0.5, "size": 0.1},
        "chapters": {"scene_threshold": 0.4, "min_seconds": 2.0}, "mp4": ["720p"],
        "loudness": {"integrated": -16.0, "true_peak": -1.5, "range": 11.0},
        "audio_tracks": "all", "subtitles": true, "waveform": true, "preview": {"seconds": 30},
        "sprites": {"interval_seconds": 2, "width": 160}, "mezzanine": true, "audio_only": true, "output_prefix": "a/b", "playlist_base_url": "https://h/p",
    });
    // What is written here is read and written again unchanged, so nothing is left out.
    let options: Options = serde_json::from_value(everything.clone()).unwrap();
    let written = serde_json::to_value(options).unwrap();
    assert_eq!(keys(&written), keys(&everything));
    assert_eq!(keys(&schemas["Options"]["properties"]), keys(&written));
    for (name, value) in [
        ("RungOption", &written["ladder"][0]),
        ("ThumbnailOption", &written["thumbnail"]),
        ("WatermarkOption", &written["watermark"]),
        ("WatermarkImage", &written["watermark"]["image"]),
        ("ChaptersOption", &written["chapters"]),
        ("Switch_LoudnessOption", &written["loudness"]),
        ("Switch_PreviewOption", &written["preview"]),
        ("Switch_SpritesOption", &written["sprites"]),
    ] {
        let known = keys(schemas);
        assert!(known.contains(name), "{name} is not among {known:?}");
        let settings = settings(&schemas[name]);
        assert_eq!(keys(&settings["properties"]), keys(value), "{name}");
        assert_eq!(settings["additionalProperties"], false, "{name}");
    }
    for closed in ["CreateVideo", "CreateWebhook", "Options"] {
        assert_eq!(schemas[closed]["additionalProperties"], false, "{closed}");
    }
    let asked = keys(&schemas["CreateVideo"]["properties"]);
    assert_eq!(
        asked,
        ["bucket", "key", "metadata", "options", "upload_id", "url", "webhook"].into()
    );

    let id = harness.create().await;
    let shown = harness.get(&format!("/videos/{id}")).await.json();
    assert_eq!(keys(&schemas["VideoView"]["properties"]), keys(&shown));
    let problem = harness.get("/nowhere").await.json();
    let members = keys(&schemas["Problem"]["properties"]);
    assert!(members.is_superset(&keys(&problem)), "{members:?}");
    assert_eq!(members.len(), 6);
}

#[tokio::test]
async fn fields_that_exclude_each_other_are_described() {
    let Some(harness) = Harness::start().await else { return };
    let document = harness.get("/openapi.json").await.json();
    let schemas = &document["components"]["schemas"];
    let (url, id) = ("http://h/a.mp4", "01a00000-0000-7000-8000-000000000000");
    for (schema, value, forms) in [
        ("CreateVideo", json!({}), 0),
        ("CreateVideo", json!({"url": url}), 1),
        ("CreateVideo", json!({"url": url, "bucket": null, "upload_id": null}), 1),
        ("CreateVideo", json!({"upload_id": id}), 1),
        ("CreateVideo", json!({"bucket": "videos", "key": "a"}), 1),
        ("CreateVideo", json!({"bucket": "videos"}), 0),
        ("CreateVideo", json!({"url": url, "upload_id": id}), 2),
        ("WatermarkOption", json!({"text": "a", "image": {}}), 2),
        ("WatermarkImage", json!({"url": url}), 1),
    ] {
        let fits = |form: &&Value| {
            let required = form["required"].as_array().unwrap();
            required.iter().all(|field| {
                let field = field.as_str().unwrap();
                assert_eq!(form["properties"][field], json!({"not": {"type": "null"}}));
                !value[field].is_null()
            })
        };
        let found = schemas[schema]["oneOf"].as_array().unwrap().iter().filter(fits).count();
        assert_eq!(found, forms, "{schema}: {value}");
    }
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
