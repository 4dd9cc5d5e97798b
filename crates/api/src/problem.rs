//! What a client receives when a call fails: RFC 9457 problem documents.
//!
//! Owns the one table from kinds of failure to HTTP status, and the mapping of our errors to
//! kinds. Errors that are our own are logged here, where they are turned into an answer; their
//! text never reaches the client.

mod field;

use std::error::Error as StdError;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::Status;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Error;

pub(crate) use field::FieldError;

/// Media type of every error answer.
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";
/// Seconds after which asking again makes sense when a dependency does not answer.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Seconds after which another stream may have ended.
const STREAM_RETRY_AFTER: u64 = 10;

/// The kinds of failure a client can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    MalformedBody,
    InvalidRequest,
    UnsupportedMediaType,
    BodyTooLarge,
    KeyRequired,
    UnknownKey,
    ForeignOrigin,
    OperatorsOnly,
    UnknownHost,
    RateLimited,
    QuotaExceeded,
    TooManyStreams,
    UnknownRoute,
    MethodNotAllowed,
    VideoNotFound,
    DeliveryNotFound,
    ObjectNotFound,
    RangeNotSatisfiable,
    NotCancellable,
    NotRetryable,
    IdempotencyKeyReused,
    Unavailable,
    Internal,
}

/// Status, last part of `type`, and `title` of a kind of problem.
pub(crate) type Row = (StatusCode, &'static str, &'static str);

impl Kind {
    /// The table.
    fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Self::MalformedBody => (S::BAD_REQUEST, "malformed-body", "The body cannot be read"),
            Self::InvalidRequest => {
                (S::UNPROCESSABLE_ENTITY, "invalid-request", "The request is not valid")
            }
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body must be JSON")
            }
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large"),
            Self::KeyRequired => (S::UNAUTHORIZED, "key-required", "An API key is needed"),
            Self::UnknownKey => (S::UNAUTHORIZED, "unknown-key", "The API key is not valid"),
            Self::ForeignOrigin => (S::FORBIDDEN, "foreign-origin", "The origin is not allowed"),
            Self::OperatorsOnly => (S::FORBIDDEN, "operators-only", "This is for the operator"),
            Self::UnknownHost => (S::MISDIRECTED_REQUEST, "unknown-host", "The host is not ours"),
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "rate-limited", "There are too many calls"),
            Self::QuotaExceeded => {
                (S::TOO_MANY_REQUESTS, "quota-exceeded", "Too many videos at once")
            }
            Self::TooManyStreams => {
                (S::TOO_MANY_REQUESTS, "too-many-streams", "There are too many streams at once")
            }
            Self::UnknownRoute => (S::NOT_FOUND, "unknown-route", "There is no such route"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method-not-allowed", "The route does not know this method")
            }
            Self::VideoNotFound => (S::NOT_FOUND, "video-not-found", "There is no such video"),
            Self::DeliveryNotFound => {
                (S::NOT_FOUND, "delivery-not-found", "There is no such message to a webhook")
            }
            Self::ObjectNotFound => (S::NOT_FOUND, "object-not-found", "There is no such object"),
            Self::RangeNotSatisfiable => {
                (S::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "The object has no such bytes")
            }
            Self::NotCancellable => {
                (S::CONFLICT, "not-cancellable", "The video can no longer be cancelled")
            }
            Self::NotRetryable => (S::CONFLICT, "not-retryable", "The video cannot be tried again"),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The idempotency key belongs to another request",
            ),
            Self::Unavailable => {
                (S::SERVICE_UNAVAILABLE, "unavailable", "A part of the service does not answer")
            }
            Self::Internal => {
                (S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side")
            }
        }
    }
}

/// An error answer, as RFC 9457 defines it. Programs branch on `type`, people read `detail`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Kind of problem, `urn:problem-type:millrace:…`.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem-type:millrace:invalid-request")]
    kind: String,
    /// The kind as a phrase, the same for every occurrence.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16, example = 422)]
    status: StatusCode,
    /// What happened this time.
    detail: String,
    /// The parts of the request that are at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The status of the video, when that is why the call was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_status: Option<Status>,
    /// Seconds after which asking again makes sense, where that is known.
    #[serde(skip)]
    retry_after: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self::of(kind.row(), detail)
    }

    /// A problem of a kind that has a table of its own.
    pub(crate) fn of((status, slug, title): Row, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:problem-type:millrace:{slug}"),
            title,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            video_status: None,
            retry_after: None,
        }
    }

    /// Refuses a request for its content, naming every fault.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let details: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
        let detail = details.join("; ");
        Self { errors, ..Self::new(Kind::InvalidRequest, detail) }
    }

    /// The status and what happened, for responses in another format.
    pub(crate) fn told(&self) -> (StatusCode, &str) {
        (self.status, &self.detail)
    }

    /// True when the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    pub(crate) fn video_not_found(id: &str) -> Self {
        Self::new(Kind::VideoNotFound, format!("no video has the id `{id}`"))
    }

    pub(crate) fn rate_limited(per_minute: u32, retry_after: u64) -> Self {
        let detail = format!("the key may call {per_minute} times a minute; see `Retry-After`");
        Self { retry_after: Some(retry_after), ..Self::new(Kind::RateLimited, detail) }
    }

    pub(crate) fn too_many_unknown_keys(per_minute: u32, retry_after: u64) -> Self {
        let detail = format!(
            "this address has shown {per_minute} API keys in a minute that do not exist \
             (--unknown-keys-per-minute); see `Retry-After`"
        );
        Self { retry_after: Some(retry_after), ..Self::new(Kind::RateLimited, detail) }
    }

    pub(crate) fn too_many_streams(most: u32) -> Self {
        let detail = format!(
            "this process has {most} streams of events already (--event-streams-max); ask for the video \
             itself"
        );
        Self { retry_after: Some(STREAM_RETRY_AFTER), ..Self::new(Kind::TooManyStreams, detail) }
    }

    pub(crate) fn delivery_not_found(id: &str) -> Self {
        Self::new(Kind::DeliveryNotFound, format!("no message to a webhook has the id `{id}`"))
    }

    pub(crate) fn not_retryable(status: Status, detail: impl Into<String>) -> Self {
        Self { video_status: Some(status), ..Self::new(Kind::NotRetryable, detail) }
    }

    pub(crate) fn not_cancellable(status: Status, detail: impl Into<String>) -> Self {
        Self { video_status: Some(status), ..Self::new(Kind::NotCancellable, detail) }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Error::Catalog(catalog::Error::NotFound { video }) = &error {
            return Self::video_not_found(&video.to_string());
        }
        if let Error::Catalog(catalog::Error::QuotaExceeded { videos_max, .. }) = &error {
            let detail = format!(
                "the key may have {videos_max} unfinished videos; wait until one ends, or cancel one"
            );
            return Self::new(Kind::QuotaExceeded, detail);
        }
        if let Error::Catalog(catalog::Error::UploadTaken) = &error {
            let reason = "another video is made from it; upload the file again";
            return Self::invalid(vec![FieldError::body("upload_id", reason)]);
        }
        let causes = chain(&error);
        if error.is_transient() {
            tracing::warn!(error = causes, "a dependency does not answer");
            return Self::new(Kind::Unavailable, format!("{error}; try again later"));
        }
        tracing::error!(error = causes, "a call failed");
        Self::new(Kind::Internal, "the fault is on our side and has been logged")
    }
}

impl From<catalog::Error> for Problem {
    fn from(error: catalog::Error) -> Self {
        Error::Catalog(error).into()
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        Error::Store(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An error with everything that caused it, for the log.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
