//! The header `Idempotency-Key`: a repeated request does not make a second video.

use axum::{extract::FromRequestParts, http::request::Parts};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use catalog::{IdempotencyKey, NewVideo};

use crate::problem::{FieldError, Problem};

/// Name of the header.
pub(crate) const HEADER: &str = "idempotency-key";
/// Longest key.
const BYTES_MAX: usize = 255;

/// The client's name for its request, if it has one.
pub(crate) struct Key(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        let text = value.to_str().ok().filter(|text| (1..=BYTES_MAX).contains(&text.len()));
        let text = text.ok_or_else(|| {
            let reason = format!("must be 1 to {BYTES_MAX} visible ASCII characters");
            Problem::invalid(vec![FieldError::parameter(HEADER, &reason)])
        })?;
        Ok(Self(Some(text.to_owned())))
    }
}

impl Key {
    /// The header, else another text that names the request.
    pub(crate) fn or(self, other: Option<String>) -> Self {
        Self(self.0.or(other))
    }

    /// The key together with a hash of the request.
    pub(crate) fn of(self, new: &NewVideo) -> Option<IdempotencyKey> {
        let key = self.0?;
        let request = (&new.source, &new.options, &new.metadata, &new.private);
        let bytes =
            serde_json::to_vec(&request).expect("a request is plain values with string keys");
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let fingerprint = URL_SAFE_NO_PAD.encode(digest);
        Some(IdempotencyKey { key, fingerprint })
    }
}
