//! The parts of a request that are at fault.

use serde::Serialize;
use utoipa::ToSchema;

use crate::pointer;

/// One part of a request that is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// JSON pointer into the body, as a URI fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "#/options/thumbnial")]
    pointer: Option<String>,
    /// Name of the query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "limit")]
    parameter: Option<String>,
    /// What is wrong, and what to write instead.
    pub(super) detail: String,
}

impl FieldError {
    /// A fault at a path of the body such as `options.ladder[2].name`; empty for the whole body.
    pub(crate) fn body(path: &str, reason: &str) -> Self {
        let detail = if path.is_empty() { reason.to_owned() } else { format!("{path}: {reason}") };
        Self { pointer: Some(pointer::from_path(path)), parameter: None, detail }
    }

    /// A fault at a place that serde tracked.
    pub(crate) fn tracked(path: &serde_path_to_error::Path, reason: &str) -> Self {
        let mut error = Self::body("", reason);
        if path.iter().next().is_some() {
            error.detail = format!("{path}: {reason}");
            error.pointer = Some(pointer::from_tracked(path));
        }
        error
    }

    /// A fault in a query parameter.
    pub(crate) fn parameter(name: &str, reason: &str) -> Self {
        let detail = format!("{name}: {reason}");
        Self { pointer: None, parameter: Some(name.to_owned()), detail }
    }
}
