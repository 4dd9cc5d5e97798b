//! What a failed S3 request means.
//!
//! Owns the mapping of statuses and codes to [`Error`]; the client has already retried what it
//! retries.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::resolver::Blocked;
use crate::{Error, Object};

/// Names the failure of a request about one object.
pub(super) fn object_failed<E>(
    object: &Object,
    operation: &'static str,
    error: SdkError<E>,
) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    // The answer to HEAD has no body, hence no code: a missing bucket looks the same there.
    let missing = matches!(error.code(), Some("NoSuchKey" | "NotFound"))
        || (status(&error) == Some(404) && error.code().is_none());
    if missing { Error::NotFound { object: object.clone() } } else { failed(operation, error) }
}

/// Names the failure of any other request.
pub(super) fn failed<E>(operation: &'static str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if let Some(host) = blocked(&error) {
        return Error::Forbidden { host };
    }
    let status = status(&error);
    match status {
        _ if matches!(error.code(), Some("RequestTimeout" | "RequestTimeTooSkewed")) => {
            Error::Unavailable { operation, source: error.into() }
        }
        Some(401 | 403) => Error::Denied { operation, source: error.into() },
        Some(507) => Error::DiskFull { place: "the store".to_owned(), source: error.into() },
        Some(501 | 505) => Error::Refused { operation, status, source: error.into() },
        Some(408 | 409 | 425 | 429 | 500..) => {
            Error::Unavailable { operation, source: error.into() }
        }
        _ => match error {
            // A body of ours that cannot be read, as when the file is cut while it is sent.
            SdkError::DispatchFailure(failure) if failure.is_user() => Error::Refused {
                operation,
                status,
                source: SdkError::<E>::DispatchFailure(failure).into(),
            },
            SdkError::TimeoutError(_)
            | SdkError::DispatchFailure(_)
            | SdkError::ResponseError(_) => Error::Unavailable { operation, source: error.into() },
            error => Error::Refused { operation, status, source: error.into() },
        },
    }
}

/// The host that may not be reached, when that is why a request failed.
fn blocked(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref::<Blocked>()).map(|blocked| blocked.host.clone())
}

/// The HTTP status, when there was an answer.
pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
