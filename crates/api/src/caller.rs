//! The caller. Everything that a call reads or writes belongs to the caller's tenant; what belongs
//! to another tenant is not found.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use contract::ApiKeyId;
use media::tenant;

/// The caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The tenant whose videos the caller can access.
    pub(crate) tenant: String,
    /// The key that was sent, where keys are in use.
    pub(crate) key: Option<ApiKeyId>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self { tenant: tenant::DEFAULT.to_owned(), key: None }))
    }
}
