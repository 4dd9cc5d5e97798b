//! What all responses of the tus protocol have in common.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{KEPT, Refusal};
use crate::problem::Problem;

/// The supported version.
pub(super) const VERSION: &str = "1.0.0";
/// The supported extensions.
pub(super) const EXTENSIONS: &str = "creation,creation-with-upload,termination,checksum,expiration";

pub(super) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const SUPPORTED: HeaderName = HeaderName::from_static("tus-version");
pub(super) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub(super) const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// An answer to a tus client: it always names our version.
pub(crate) struct Answer(pub(super) Result<Response, Problem>);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let headers = response.headers_mut();
        headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
        headers.insert(SUPPORTED, HeaderValue::from_static(VERSION));
        response
    }
}

/// Refuses a client with another version.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(RESUMABLE).is_some_and(|version| version == VERSION) {
        return Ok(());
    }
    Err(Refusal::Version.because(format!("send `Tus-Resumable: {VERSION}`")))
}

/// When an upload that was last touched at `touched` is removed, as HTTP writes times.
pub(super) fn expires(touched: OffsetDateTime) -> String {
    let when = (touched + KEPT).to_offset(time::UtcOffset::UTC);
    when.format(HTTP_DATE).expect("every part of the format is a part of a date and time")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn expiry_is_written_as_http_writes_times() {
        assert_eq!(expires(datetime!(1994-10-30 08:49:37 +0)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(expires(datetime!(1994-10-30 09:49:37 +1)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn one_version_is_spoken() {
        let mut headers = HeaderMap::new();
        assert!(check_version(&headers).is_err());
        headers.insert(RESUMABLE, HeaderValue::from_static("0.2.2"));
        assert!(check_version(&headers).is_err());
        headers.insert(RESUMABLE, HeaderValue::from_static("1.0.0"));
        assert!(check_version(&headers).is_ok());
    }
}
