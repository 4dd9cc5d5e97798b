//! The OpenAPI document and the call that serves it.
//!
//! Routes are only added together with their description, so neither exists without the other.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Json};
use serde_json::{Value, json};
use utoipa::{
    OpenApi,
    openapi::{
        self, Content, Ref, RefOr, ResponseBuilder, SecurityRequirement,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{auth, problem};

/// Refusals that any call that needs a key may answer with.
const REFUSALS: [(&str, &str); 4] = [
    ("401", "An API key is needed, or this one is not valid"),
    ("403", "The origin of the page is not allowed"),
    ("421", "The API is not called by this host"),
    ("429", "The key calls too often, or has too many unfinished videos"),
];

/// Schemas of which exactly one form is taken, by the fields that make it.
const ONE_OF: [(&str, &[&[&str]]); 3] = [
    ("CreateVideo", &[&["url"], &["upload_id"], &["bucket", "key"]]),
    ("WatermarkOption", &[&["text"], &["image"]]),
    ("WatermarkImage", &[&["url"], &["bucket", "key"]]),
];

/// What applies to the whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Millrace",
        description = "Turns videos into adaptive streams. Errors are RFC 9457 problem documents.",
    ),
    tags(
        (name = "videos", description = "Videos, from source to playlist"),
        (name = "uploads", description = "Files, sent by tus 1.0 or straight into the store"),
        (name = "compatible", description = "Endpoints in the format of other services"),
        (name = "webhooks", description = "Messages to webhooks: what was sent, and sending it again"),
        (name = "service", description = "The service itself"),
    ),
)]
pub(crate) struct Document;

/// Adds to every call that needs a key how to send it, and the refusals.
pub(crate) fn guarded(document: &mut openapi::OpenApi) {
    let components = document.components.get_or_insert_default();
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
    // The last one says that no key is needed where there is none.
    let ways = [
        SecurityRequirement::new("bearer", [""; 0]),
        SecurityRequirement::new("header", [""; 0]),
        SecurityRequirement::default(),
    ];
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        spell_out(&mut operation.responses.responses);
    }
    let guarded = document.paths.paths.iter_mut().filter(|(path, _)| !auth::is_open(path));
    for operation in guarded.flat_map(|(_, item)| operations(item)) {
        operation.security = Some(ways.to_vec());
        for (status, description) in REFUSALS {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            let refusal = ResponseBuilder::new()
                .description(description)
                .content(problem::CONTENT_TYPE, content);
            operation.responses.responses.insert(status.to_owned(), refusal.build().into());
        }
    }
}

/// Replaces the default refusal by 4XX and 503, so that a checker can see that there are no other
/// refusals.
fn spell_out(responses: &mut BTreeMap<String, RefOr<openapi::Response>>) {
    let Some(refusal) = responses.remove("default") else { return };
    for status in ["4XX", "503"] {
        responses.entry(status.to_owned()).or_insert_with(|| refusal.clone());
    }
}

/// The document as it is served, with what the derived schemas cannot express: which fields exclude
/// each other.
pub(crate) fn written(document: &openapi::OpenApi) -> Value {
    let mut written = serde_json::to_value(document).expect("a document is plain values");
    for (schema, forms) in ONE_OF {
        let forms = forms.iter().map(|fields| {
            // A field that is null is one that is not there.
            let given =
                fields.iter().map(|field| ((*field).to_owned(), json!({"not": {"type": "null"}})));
            json!({"required": fields, "properties": Value::Object(given.collect())})
        });
        written["components"]["schemas"][schema]["oneOf"] = forms.collect();
    }
    written
}

fn schemes() -> [(&'static str, SecurityScheme); 2] {
    let about = "A key that `millrace keys create` made";
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about));
    let header = ApiKeyValue::with_description("X-Api-Key", "The same, in a header of its own");
    [
        ("bearer", SecurityScheme::Http(bearer.build())),
        ("header", SecurityScheme::ApiKey(ApiKey::Header(header))),
    ]
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, .. } = item;
    [get, put, post, delete, options, head, patch].into_iter().filter_map(Option::as_mut)
}

/// Returns this document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object)))]
pub(crate) async fn openapi(Extension(document): Extension<Arc<Value>>) -> Json<Arc<Value>> {
    Json(document)
}
