//! Copies inside the store: one request when small, parts side by side when large.

use aws_sdk_s3::types::MetadataDirective;
use futures::{StreamExt, TryStreamExt};
use url::form_urlencoded::byte_serialize;

use super::S3;
use super::failure::object_failed;
use super::upload::{MIB, PARALLEL_PARTS, Upload, part_bytes, ranges};
use crate::{Error, Object, cache_control, content_type};

/// The size above which an object is copied in parts, and the least size of a part; far below the
/// 5 GiB that one request may copy, so that none takes long.
const PART_BYTES: u64 = 32 * MIB;

impl S3 {
    pub(crate) async fn copy(&self, from: &Object, to: &Object) -> Result<(), Error> {
        let missing = || Error::NotFound { object: from.clone() };
        let bytes = self.head(from).await?.ok_or_else(missing)?.bytes;
        let source = format!("{}/{}", self.name(from), encoded(from.key()));
        if bytes > PART_BYTES {
            return self.copy_parts(&source, to, bytes).await;
        }
        let request = self.client.copy_object().bucket(self.name(to)).key(to.key());
        // Said anew: what was stored by an earlier version has no lifetime of its own.
        let request = request.metadata_directive(MetadataDirective::Replace);
        let request = request.content_type(content_type(to.key()));
        let request = request.cache_control(cache_control(to.key()));
        let copied = request.copy_source(source).send().await;
        copied.map(|_| ()).map_err(|error| object_failed(from, "copy an object", error))
    }

    async fn copy_parts(&self, source: &str, to: &Object, bytes: u64) -> Result<(), Error> {
        let bucket = self.name(to);
        let upload = Upload::start(&self.target(&bucket, to)).await?;
        let parts = futures::stream::iter(ranges(bytes, part_bytes(bytes, PART_BYTES)))
            .map(|range| Box::pin(upload.part_of(source, range)))
            .buffer_unordered(PARALLEL_PARTS)
            .try_collect::<Vec<_>>()
            .await;
        upload.end(parts).await
    }
}

/// A key as the header `x-amz-copy-source` wants it: everything unusual percent-encoded.
fn encoded(key: &str) -> String {
    let segment =
        |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    key.split('/').map(segment).collect::<Vec<_>>().join("/")
}
