//! Uploads: one request when small, parts side by side when large.
//!
//! Owns multipart uploads from start to end: none is left open, whether the upload fails, is
//! dropped midway, or its process died and the prefix is deleted later.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use fs_err as fs;
use futures::{StreamExt, TryStreamExt};

use super::failure::{failed, status};
use super::{S3, below};
use crate::store::Created;
use crate::{BoxError, Bucket, Bytes, Error, Object, cache_control, content_type};

/// Name of an object's own datum under which a mark is kept.
pub(super) const MARK: &str = "millrace";
pub(super) const MIB: u64 = 1024 * 1024;
/// The size above which a file is uploaded in parts, and the least size of a part.
const PART_BYTES: u64 = 16 * MIB;
/// The most parts an upload may have.
const MAX_PARTS: u64 = 10_000;
/// Parts of one file under way at once.
pub(super) const PARALLEL_PARTS: usize = 4;

impl S3 {
    pub(crate) async fn put_bytes(&self, object: &Object, bytes: Bytes) -> Result<(), Error> {
        let name = self.name(object);
        self.target(&name, object).send(bytes.into()).await
    }

    pub(crate) async fn create_bytes(
        &self,
        object: &Object,
        bytes: Bytes,
    ) -> Result<Created, Error> {
        let request = self.client.put_object().bucket(self.name(object)).key(object.key());
        let request = request.content_type(content_type(object.key()));
        let request = request.cache_control(cache_control(object.key())).if_none_match("*");
        let Err(error) = request.body(bytes.into()).send().await else {
            return Ok(Created::Created);
        };
        match (status(&error), error.code()) {
            (Some(412), _) | (_, Some("PreconditionFailed")) => Ok(Created::AlreadyExists),
            // Somebody else was writing at that moment; only the object itself proves they won.
            (_, Some("ConditionalRequestConflict")) if self.head(object).await?.is_some() => {
                Ok(Created::AlreadyExists)
            }
            _ => Err(failed("create an object", error)),
        }
    }

    pub(crate) async fn put_file(&self, object: &Object, source: &Path) -> Result<(), Error> {
        self.copy_file(object, source).await?;
        fs::tokio::remove_file(source).await.map_err(|error| Error::local(source, error))
    }

    pub(crate) async fn copy_file(&self, object: &Object, source: &Path) -> Result<(), Error> {
        let name = self.name(object);
        self.target(&name, object).send_file(source).await
    }

    /// Aborts the uploads below a prefix that dead processes left open.
    pub(super) async fn abort_uploads(&self, bucket: Bucket, prefix: &str) -> Result<(), Error> {
        let name = self.bucket_name(bucket);
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let request = self.client.list_multipart_uploads().bucket(&name);
            let request = request.set_prefix(below(prefix));
            let request = request.set_key_marker(key_marker).set_upload_id_marker(id_marker);
            let page = request.send().await.map_err(|error| failed("list uploads", error))?;
            for upload in page.uploads() {
                if let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) {
                    abort(&self.client, &name, key, id).await?;
                }
            }
            if page.is_truncated() != Some(true) || page.next_key_marker.is_none() {
                return Ok(());
            }
            (key_marker, id_marker) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    pub(super) fn target<'a>(&'a self, bucket: &'a str, object: &'a Object) -> Target<'a> {
        Target { client: &self.client, bucket, key: object.key(), mark: None }
    }
}

/// Where an upload goes.
pub(super) struct Target<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// Kept with the object, to be found when it is looked up.
    pub(super) mark: Option<&'a str>,
}

impl Target<'_> {
    pub(super) async fn send(&self, body: ByteStream) -> Result<(), Error> {
        let request = self.client.put_object().bucket(self.bucket).key(self.key);
        let request = request.content_type(content_type(self.key));
        let request = request.cache_control(cache_control(self.key)).set_metadata(self.metadata());
        let sent = request.body(body).send().await;
        sent.map(|_| ()).map_err(|error| failed("write an object", error))
    }

    pub(super) async fn send_file(&self, source: &Path) -> Result<(), Error> {
        let local = |error| Error::local(source, error);
        let metadata = fs::tokio::metadata(source).await.map_err(local)?;
        if !metadata.is_file() {
            return Err(local(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let bytes = metadata.len();
        if bytes > PART_BYTES {
            return self.upload_parts(source, bytes).await;
        }
        self.send(read(source, 0, bytes).await?).await
    }

    pub(super) fn metadata(&self) -> Option<HashMap<String, String>> {
        self.mark.map(|mark| HashMap::from([(MARK.to_owned(), mark.to_owned())]))
    }

    async fn upload_parts(&self, source: &Path, bytes: u64) -> Result<(), Error> {
        let upload = Upload::start(self).await?;
        let size = part_bytes(bytes, PART_BYTES);
        let parts = futures::stream::iter(ranges(bytes, size))
            .map(|(number, offset, bytes)| Box::pin(upload.part(source, number, offset, bytes)))
            .buffer_unordered(PARALLEL_PARTS)
            .try_collect::<Vec<_>>()
            .await;
        upload.end(parts).await
    }
}

/// A multipart upload under way, aborted when dropped before its end.
pub(super) struct Upload {
    client: Client,
    bucket: String,
    key: String,
    /// Taken when there is nothing left to abort.
    id: Option<String>,
}

impl Upload {
    pub(super) async fn start(target: &Target<'_>) -> Result<Self, Error> {
        const OPERATION: &str = "start an upload";
        let (bucket, key) = (target.bucket.to_owned(), target.key.to_owned());
        let request = target.client.create_multipart_upload().bucket(&bucket).key(&key);
        let request = request.content_type(content_type(&key)).cache_control(cache_control(&key));
        let request = request.set_metadata(target.metadata());
        let started = request.send().await.map_err(|error| failed(OPERATION, error))?;
        if started.upload_id().is_none() {
            let source = BoxError::from("the answer has no upload id");
            return Err(Error::Refused { operation: OPERATION, status: None, source });
        }
        Ok(Self { client: target.client.clone(), bucket, key, id: started.upload_id })
    }

    /// Completes the upload, or aborts it when a part failed.
    pub(super) async fn end(
        mut self,
        parts: Result<Vec<CompletedPart>, Error>,
    ) -> Result<(), Error> {
        let done = match parts {
            Ok(parts) => self.complete(parts).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.abort().await;
        }
        self.id = None;
        done
    }

    /// Takes a part from an object of the same store.
    pub(super) async fn part_of(
        &self,
        source: &str,
        (number, offset, bytes): (i32, u64, u64),
    ) -> Result<CompletedPart, Error> {
        let request = self.client.upload_part_copy().bucket(&self.bucket).key(&self.key);
        let request = request.set_upload_id(self.id.clone()).part_number(number);
        let range = format!("bytes={offset}-{}", offset + bytes - 1);
        let request = request.copy_source(source).copy_source_range(range);
        let copied = request.send().await.map_err(|error| failed("copy a part", error))?;
        let etag = copied.copy_part_result.and_then(|result| result.e_tag);
        Ok(CompletedPart::builder().part_number(number).set_e_tag(etag).build())
    }

    async fn part(
        &self,
        source: &Path,
        number: i32,
        offset: u64,
        bytes: u64,
    ) -> Result<CompletedPart, Error> {
        let body = read(source, offset, bytes).await?;
        let request = self.client.upload_part().bucket(&self.bucket).key(&self.key);
        let request = request.set_upload_id(self.id.clone()).part_number(number).body(body);
        let sent = request.send().await.map_err(|error| failed("upload a part", error))?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }

    async fn complete(&self, mut parts: Vec<CompletedPart>) -> Result<(), Error> {
        parts.sort_by_key(CompletedPart::part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(&self.key);
        let request = request.set_upload_id(self.id.clone()).multipart_upload(parts);
        request.send().await.map(|_| ()).map_err(|error| failed("complete an upload", error))
    }

    async fn abort(&self) {
        let Some(id) = &self.id else { return };
        if let Err(error) = abort(&self.client, &self.bucket, &self.key, id).await {
            tracing::warn!(%error, key = self.key, "an unfinished upload stays open");
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (client, bucket, key) = (self.client.clone(), self.bucket.clone(), self.key.clone());
        runtime.spawn(async move {
            if let Err(error) = abort(&client, &bucket, &key, &id).await {
                tracing::warn!(%error, key, "an unfinished upload stays open");
            }
        });
    }
}

async fn abort(client: &Client, bucket: &str, key: &str, id: &str) -> Result<(), Error> {
    let request = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
        Err(error) => Err(failed("abort an upload", error)),
    }
}

/// A body that is read from the file again when the client has to send it again.
async fn read(source: &Path, offset: u64, bytes: u64) -> Result<ByteStream, Error> {
    let body = ByteStream::read_from().path(source).offset(offset).length(Length::Exact(bytes));
    body.build().await.map_err(|error| Error::local(source, io::Error::other(error)))
}

/// The least whole number of MiB, and at least `least`, with which the file fits into the allowed
/// number of parts.
pub(super) fn part_bytes(file_bytes: u64, least: u64) -> u64 {
    least.max(file_bytes.div_ceil(MAX_PARTS).next_multiple_of(MIB))
}

/// Number, offset and length of every part.
pub(super) fn ranges(bytes: u64, size: u64) -> impl Iterator<Item = (i32, u64, u64)> {
    (0..bytes.div_ceil(size)).zip(1..).map(move |(idx, number)| {
        let offset = idx * size;
        (number, offset, size.min(bytes - offset))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_file_fits_into_the_allowed_number_of_parts() {
        for bytes in [PART_BYTES + 1, 100 * MIB, PART_BYTES * MAX_PARTS + 1, 5 * MIB * MIB] {
            let size = part_bytes(bytes, PART_BYTES);
            assert!(bytes.div_ceil(size) <= MAX_PARTS, "{bytes} bytes in parts of {size}");
            assert!(size >= PART_BYTES && size.is_multiple_of(MIB));
        }
    }
}
