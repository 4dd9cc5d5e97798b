//! Who asks. Everything a call reads or writes belongs to the caller's tenant; what belongs to
//! another is as unknown as what never was.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use contract::ApiKeyId;
use media::tenant;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Whose videos these are.
    pub(crate) tenant: String,
    /// The key that was shown, where keys are in use.
    pub(crate) key: Option<ApiKeyId>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self { tenant: tenant::DEFAULT.to_owned(), key: None }))
    }
}
