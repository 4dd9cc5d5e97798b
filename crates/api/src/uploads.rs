//! The calls on uploads, one file each, and what they share: finding an upload, and its end.
//!
//! The protocol is tus 1.0 (<https://tus.io/protocols/resumable-upload>), spoken here and not by a
//! library because a request that breaks off must keep what arrived (ADR 0009).

pub(crate) mod capabilities;
pub(crate) mod complete;
pub(crate) mod create;
mod finish;
mod headers;
pub(crate) mod offset;
pub(crate) mod patch;
pub(crate) mod presign;
mod receive;
mod refusal;
mod remove;
mod sweep;
pub(crate) mod terminate;
mod tus;

pub(crate) use finish::{Standing, soon};
pub(crate) use refusal::Refusal;
pub(crate) use remove::remove;

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use catalog::Upload;
use contract::UploadId;
use time::Duration;

use crate::{Api, caller::Caller, problem::Problem};

/// How long an upload that nobody sends to, or makes a video from, is kept.
const KEPT: Duration = Duration::days(7);

/// The upload that a path names; `None` for what can be no upload.
pub(crate) struct Named(Option<UploadId>);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(found.ok().and_then(|Path(text)| text.parse().ok())))
    }
}

impl Api {
    /// Finds an upload of the caller; those of others are not found.
    async fn find_upload(&self, caller: &Caller, named: &Named) -> Result<Upload, Problem> {
        let Some(id) = named.0 else { return Err(unknown()) };
        self.upload_of(caller, id).await?.ok_or_else(unknown)
    }

    /// Looks an upload of the caller up.
    pub(crate) async fn upload_of(
        &self,
        caller: &Caller,
        id: UploadId,
    ) -> Result<Option<Upload>, Problem> {
        let found = self.catalog.upload(id).await?;
        Ok(found.filter(|upload| upload.tenant == caller.tenant))
    }
}

fn unknown() -> Problem {
    Refusal::NotFound.because("no upload has this id, or it was removed; begin a new one")
}
