//! Compatible endpoints: calls in the format of other services, translated to the same functions as
//! `POST /videos` and its like. Each answers in its own shape, errors too.

pub(crate) mod runpod;
pub(crate) mod transcode;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use catalog::Secret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{FieldError, Problem};

/// Longest secret of a webhook; HMAC-SHA256 uses no more than 64 bytes of one as they are.
const SECRET_BYTES_MAX: usize = 512;

/// A refusal in the shape of the compatible endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refused {
    /// False.
    success: bool,
    /// What is wrong.
    error: String,
}

/// A problem, told in that shape.
#[derive(Debug)]
pub(crate) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, detail) = self.0.told();
        // Neither of the two services tells a request that is wrong from one that cannot be read.
        let status = match status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        (status, Json(Refused { success: false, error: detail.to_owned() })).into_response()
    }
}

/// Checks the secret of a webhook, which must be able to sign. One without `whsec_` is taken as it is.
fn check_secret(field: &str, secret: &Secret) -> Result<(), FieldError> {
    if secret.signing_key().is_none() || secret.expose().len() > SECRET_BYTES_MAX {
        let reason = "must be 1 to 512 bytes; what follows `whsec_` must be base64";
        return Err(FieldError::body(field, reason));
    }
    Ok(())
}
