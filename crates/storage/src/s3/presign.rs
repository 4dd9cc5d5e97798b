//! Presigned URLs: whoever has one may write one object for a limited time.

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use url::Url;

use super::S3;
use super::failure::failed;
use crate::{BoxError, Error, Object, PresignedPut};

/// How long a presigned address works: longer than anybody sends one file.
const PRESIGNED_FOR: Duration = Duration::from_hours(12);
const OPERATION: &str = "presign an address";

impl S3 {
    pub(crate) async fn presign_put(
        &self,
        object: &Object,
        bytes: u64,
        content_type: &str,
    ) -> Result<PresignedPut, Error> {
        // The length is signed, so that nobody sends more than was allowed.
        let bytes = i64::try_from(bytes).map_err(|error| refused(error.into()))?;
        let request = self.client.put_object().bucket(self.name(object)).key(object.key());
        let request = request.content_length(bytes).content_type(content_type);
        let signed = request.presigned(expiry()).await;
        let signed = signed.map_err(|error| failed(OPERATION, error))?;
        // Every client sends these two by itself, and browsers let nobody else do it.
        let own = |name: &str| !matches!(name, "host" | "content-length");
        let headers = signed.headers().filter(|(name, _)| own(name));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(PresignedPut { url: address(&signed)?, headers, expires_in: PRESIGNED_FOR })
    }
}

fn expiry() -> PresigningConfig {
    PresigningConfig::expires_in(PRESIGNED_FOR).expect("12 hours are less than the limit of a week")
}

fn address(signed: &PresignedRequest) -> Result<Url, Error> {
    signed.uri().parse().map_err(|error: url::ParseError| refused(error.into()))
}

fn refused(source: BoxError) -> Error {
    Error::Refused { operation: OPERATION, status: None, source }
}
