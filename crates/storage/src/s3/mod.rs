//! The store on S3, or anything that speaks its protocol.
//!
//! Owns requests; presigned addresses are in `presign`, uploads in `upload`, copies in `copy`, the
//! set-up of client and buckets in `config` and `buckets`, the meaning of failures in `failure`.
//! Buckets of other people are `external`'s.

mod buckets;
mod config;
mod copy;
mod external;
mod failure;
mod presign;
mod resolver;
mod upload;

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

pub use config::{S3Config, Secret};
pub use external::{External, ExternalConfig, ExternalMeta, Permits};

use crate::place::{Durability, Staged, blocking};
use crate::{BoxError, Bucket, Bytes, Error, Object, ObjectMeta};
use failure::{failed, object_failed};

/// The most keys one deletion request may name.
const DELETE_BATCH: usize = 1000;

/// A store whose objects are on S3.
pub(crate) struct S3 {
    client: Client,
    bucket_prefix: String,
    region: String,
}

impl S3 {
    pub(crate) async fn open(config: &S3Config) -> Result<Self, Error> {
        Ok(Self {
            client: config::client(config).await?,
            bucket_prefix: config.bucket_prefix.clone().unwrap_or_default(),
            region: config.region.clone(),
        })
    }

    pub(crate) async fn get_bytes(&self, object: &Object) -> Result<Bytes, Error> {
        let request = self.client.get_object().bucket(self.name(object)).key(object.key());
        let found =
            request.send().await.map_err(|error| object_failed(object, "read an object", error))?;
        let body = found.body.collect().await.map_err(|error| interrupted(error.into()))?;
        Ok(body.into_bytes())
    }

    pub(crate) async fn get_file(&self, object: &Object, dest: &Path) -> Result<(), Error> {
        let request = self.client.get_object().bucket(self.name(object)).key(object.key());
        let found =
            request.send().await.map_err(|error| object_failed(object, "read an object", error))?;
        let local = |source| Error::local(dest, source);
        let place = dest.to_owned();
        let create = move || Staged::create(&place, Durability::Volatile);
        let (staged, file) = blocking(create).await.map_err(local)?;
        let mut file = tokio::fs::File::from_std(file.into_file());
        let mut body = found.body;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| interrupted(error.into()))?;
            tokio::io::AsyncWriteExt::write_all(&mut file, &bytes).await.map_err(local)?;
        }
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(local)?;
        let place = dest.to_owned();
        blocking(move || staged.publish(&place, Durability::Volatile)).await.map_err(local)
    }

    pub(crate) async fn head(&self, object: &Object) -> Result<Option<ObjectMeta>, Error> {
        let request = self.client.head_object().bucket(self.name(object)).key(object.key());
        match request.send().await {
            Ok(head) => Ok(Some(ObjectMeta {
                key: object.key().to_owned(),
                bytes: length(head.content_length()),
                etag: head.e_tag,
            })),
            Err(error) => match object_failed(object, "look an object up", error) {
                Error::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    pub(crate) async fn list(
        &self,
        bucket: Bucket,
        prefix: &str,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let request = self.client.list_objects_v2().bucket(self.bucket_name(bucket));
        let mut pages = request.set_prefix(below(prefix)).into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("list objects", error))?;
            objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(|found| {
                let bytes = length(found.size());
                Some(ObjectMeta { key: found.key?, bytes, etag: found.e_tag })
            }));
        }
        // Not every store sorts as S3 does.
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    pub(crate) async fn delete(&self, object: &Object) -> Result<(), Error> {
        let request = self.client.delete_object().bucket(self.name(object)).key(object.key());
        match request.send().await.map_err(|error| object_failed(object, "delete", error)) {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn delete_prefix(&self, bucket: Bucket, prefix: &str) -> Result<u64, Error> {
        let objects = self.list(bucket, prefix).await?;
        for batch in objects.chunks(DELETE_BATCH) {
            self.delete_batch(bucket, batch).await?;
        }
        self.abort_uploads(bucket, prefix).await?;
        Ok(objects.len() as u64)
    }

    async fn delete_batch(&self, bucket: Bucket, batch: &[ObjectMeta]) -> Result<(), Error> {
        const OPERATION: &str = "delete objects";
        let refused =
            |source: BoxError| Error::Refused { operation: OPERATION, status: None, source };
        let identifiers = batch
            .iter()
            .map(|found| ObjectIdentifier::builder().key(&found.key).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refused(error.into()))?;
        let delete = Delete::builder().set_objects(Some(identifiers)).quiet(true).build();
        let delete = delete.map_err(|error| refused(error.into()))?;
        let request = self.client.delete_objects().bucket(self.bucket_name(bucket)).delete(delete);
        let answer = request.send().await.map_err(|error| failed(OPERATION, error))?;
        match answer.errors() {
            [] => Ok(()),
            [first, rest @ ..] => {
                let (code, key) = (first.code().unwrap_or("?"), first.key().unwrap_or("?"));
                let text = format!("{code} for {key} and {} other keys", rest.len());
                Err(match code {
                    "AccessDenied" => Error::Denied { operation: OPERATION, source: text.into() },
                    "InternalError" | "SlowDown" | "ServiceUnavailable" => {
                        Error::Unavailable { operation: OPERATION, source: text.into() }
                    }
                    _ => refused(text.into()),
                })
            }
        }
    }

    fn name(&self, object: &Object) -> String {
        self.bucket_name(object.bucket())
    }

    fn bucket_name(&self, bucket: Bucket) -> String {
        format!("{}{bucket}", self.bucket_prefix)
    }
}

/// The S3 prefix of everything below a prefix of whole segments.
fn below(prefix: &str) -> Option<String> {
    (!prefix.is_empty()).then(|| format!("{prefix}/"))
}

fn length(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

/// A body that stopped before its end.
fn interrupted(source: BoxError) -> Error {
    Error::Unavailable { operation: "read an object to its end", source }
}
