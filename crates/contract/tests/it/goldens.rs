//! Goldens of payloads: `goldens/{name}.json` lists examples, the oldest first.
//!
//! An example is never changed: one that has to be shows a payload that running videos can no longer
//! read. A new field is shown by one more example. `"@name"` stands for the examples of
//! `parts/name.json`: example n of a payload has example n of each part, or the last one.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Checks a payload by its goldens, and says what is wrong.
pub(crate) type Check = fn(&str) -> Vec<String>;

/// The folder of the goldens.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

/// Reads every example of a payload as `T`, writes it again, and compares: what was there is still
/// there, and all that is written is shown by an example.
pub(crate) fn check<T: Serialize + DeserializeOwned>(name: &str) -> Vec<String> {
    let (mut findings, mut shown, mut written) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (n, example) in examples(name).into_iter().enumerate() {
        let read = match serde_json::from_value::<T>(example.clone()) {
            Ok(read) => read,
            Err(error) => {
                findings.push(format!("{name}, example {n} can no longer be read: {error}"));
                continue;
            }
        };
        let again = serde_json::to_value(read).unwrap();
        let mut lost = Vec::new();
        differences("", &example, &again, &mut lost);
        findings.extend(lost.into_iter().map(|what| format!("{name}, example {n}: {what}")));
        paths("", &example, &mut |path, filled| {
            shown.extend(filled.then(|| path.to_owned()));
        });
        paths("", &again, &mut |path, _| {
            written.insert(path.to_owned());
        });
    }
    let new = written.difference(&shown);
    findings.extend(new.map(|path| format!("{name}: append an example that shows `{path}`")));
    findings
}

/// Where what is written lacks something of what was read, or has it otherwise.
fn differences(path: &str, was: &Value, is: &Value, lost: &mut Vec<String>) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            for (name, was) in was {
                match is.get(name) {
                    Some(is) => differences(&format!("{path}.{name}"), was, is, lost),
                    None => lost.push(format!("`{path}.{name}` is lost")),
                }
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (n, (was, is)) in was.iter().zip(is).enumerate() {
                differences(&format!("{path}[{n}]"), was, is, lost);
            }
        }
        _ if was == is => {}
        _ => lost.push(format!("`{path}` was {was} and is {is}")),
    }
}

/// Calls `seen` with the path of each field, and whether there is something in it.
fn paths(path: &str, value: &Value, seen: &mut impl FnMut(&str, bool)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                seen(&path, !value.is_null() && *value != Value::Array(Vec::new()));
                paths(&path, value, seen);
            }
        }
        Value::Array(values) => {
            for value in values {
                paths(&format!("{path}[]"), value, seen);
            }
        }
        _ => {}
    }
}

/// The examples of a payload, with those of its parts in their places.
fn examples(name: &str) -> Vec<Value> {
    let own = read(name);
    let count = own.iter().map(variants).fold(own.len(), usize::max);
    (0..count).map(|n| expanded(&own[n.min(own.len() - 1)], n)).collect()
}

fn read(name: &str) -> Vec<Value> {
    let path = folder().join(format!("{name}.json"));
    let text = fs_err::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The examples that a value stands for.
fn part(value: &Value) -> Option<Vec<Value>> {
    let name = value.as_str()?.strip_prefix('@')?;
    Some(read(&format!("parts/{name}")))
}

/// How many examples the parts of a value have at most.
fn variants(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(variants).fold(1, usize::max),
        Value::Array(values) => values.iter().map(variants).fold(1, usize::max),
        _ => part(value).map_or(1, |own| own.iter().map(variants).fold(own.len(), usize::max)),
    }
}

/// A value with example `n` of each of its parts, or their last one.
fn expanded(value: &Value, n: usize) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), expanded(value, n))).collect()
        }
        Value::Array(values) => values.iter().map(|value| expanded(value, n)).collect(),
        _ => {
            part(value).map_or_else(|| value.clone(), |own| expanded(&own[n.min(own.len() - 1)], n))
        }
    }
}
