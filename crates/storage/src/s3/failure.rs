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
    if is_missing(&error) {
        Error::NotFound { object: object.clone() }
    } else {
        failed(operation, error)
    }
}

/// The same for an object of somebody else's.
pub(super) fn absent<E>(key: &str, operation: &'static str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if is_missing(&error) {
        Error::Absent { key: key.to_owned() }
    } else {
        failed(operation, error)
    }
}

/// Whether the store itself says that it has no such object: a 404 alone may come from a machine in
/// front of it, or mean the bucket.
fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(error.code(), Some("NoSuchKey" | "NotFound"))
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
        // Not the store's own words, which have a code.
        Some(404) if error.code().is_none() => {
            Error::Unavailable { operation, source: error.into() }
        }
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
