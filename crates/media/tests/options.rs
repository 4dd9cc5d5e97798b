//! The options reference in docs/options.md says of every option what its schema says, and of none
//! that does not exist. The OpenAPI document is made of the same schemas.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;

use media::options::Options;
use serde_json::Value;
use utoipa::{PartialSchema as _, ToSchema as _};

const REFERENCE: &str = include_str!("../../../docs/options.md");

/// Every option below `value`, by its path, with what its schema says of it.
struct Schemas {
    named: BTreeMap<String, Value>,
    options: BTreeMap<String, Vec<String>>,
}

impl Schemas {
    fn read() -> Self {
        let mut named = Vec::new();
        Options::schemas(&mut named);
        let named = named
            .into_iter()
            .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap()))
            .collect();
        let mut schemas = Self { named, options: BTreeMap::new() };
        schemas.walk("", &serde_json::to_value(Options::schema()).unwrap());
        schemas
    }

    /// Follows references, alternatives, items and properties.
    fn walk(&mut self, path: &str, schema: &Value) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            let target = self.named.get(name).unwrap_or_else(|| panic!("{name}")).clone();
            self.walk(path, &target);
        }
        for alternative in ["oneOf", "anyOf", "allOf"] {
            for one in schema[alternative].as_array().into_iter().flatten() {
                self.walk(path, one);
            }
        }
        if schema["items"]["$ref"].is_string() {
            self.walk(&format!("{path}[]"), &schema["items"]);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.options.entry(path.clone()).or_default();
            self.walk(&path, property);
        }
        let limits = ["minimum", "maximum", "maxItems", "maxLength", "default", "const"];
        let said = limits.into_iter().filter_map(|name| schema.get(name));
        let values = schema["enum"].as_array().into_iter().flatten();
        let said = said.chain(values).filter(|value| !value.is_null() && !value.is_boolean());
        let said: Vec<String> = said.map(plain).collect();
        if let Some(all) = self.options.get_mut(path) {
            all.extend(said);
        }
    }
}

/// A value as the reference writes it.
fn plain(value: &Value) -> String {
    match (value.as_str(), value.as_f64()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        _ => value.to_string(),
    }
}

/// Rows of the tables whose first column is an option: its path and the row.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let row = |line: &'static str| {
        let path = line.strip_prefix("| `")?.split('`').next()?;
        Some((path, line))
    };
    REFERENCE.lines().filter_map(row).collect()
}

fn words(row: &str) -> Vec<&str> {
    row.split(|c: char| c.is_whitespace() || "`,;:()|".contains(c)).collect()
}

#[test]
fn the_reference_describes_exactly_the_options_there_are() {
    let schemas = Schemas::read();
    let there: Vec<&str> = schemas.options.keys().map(String::as_str).collect();
    let described: Vec<&str> = rows().into_keys().collect();
    assert!(there.len() > 30 && there.contains(&"watermark.image.url"), "{there:?}");
    assert_eq!(described, there, "docs/options.md on the left, the schemas on the right");
}

#[test]
fn the_reference_tells_every_limit_default_and_value() {
    let (schemas, rows) = (Schemas::read(), rows());
    let mut missing = Vec::new();
    for (path, said) in &schemas.options {
        let Some(row) = rows.get(path.as_str()) else { continue };
        let words = words(row);
        let untold = said.iter().filter(|value| !words.contains(&value.as_str()));
        missing.extend(untold.map(|value| format!("{path}: {value}")));
    }
    assert!(missing.is_empty(), "docs/options.md does not tell:\n{}", missing.join("\n"));
    let limits: usize = schemas.options.values().map(Vec::len).sum();
    assert!(limits > 40, "{:?}", schemas.options);
}

#[test]
fn every_example_is_accepted() {
    let examples: Vec<&str> = REFERENCE
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 5);
    for example in examples {
        let options: Options =
            serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        options.validate().unwrap_or_else(|error| panic!("{error}: {example}"));
    }
}
