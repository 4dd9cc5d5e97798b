//! The store on S3, or anything that speaks its protocol.
//!
//! Owns requests; presigned addresses are in `presign`, uploads in `upload`, copies in `copy`, reading
//! in `read` and, for other programs, in `relay`, the set-up of client and buckets in `config` and
//! `buckets`, the meaning of failures in `failure`.
//! Buckets of other people are `external`'s.

mod buckets;
mod config;
mod copy;
mod external;
mod failure;
mod presign;
mod read;
mod relay;
mod resolver;
mod upload;

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

pub use config::{S3Config, Secret};
pub use external::{External, ExternalConfig, ExternalMeta, Permits};
pub(crate) use relay::Relay;

use crate::source;
use crate::{BoxError, Bucket, Bytes, Error, Object, ObjectMeta};
use failure::{failed, object_failed, status};
use read::{Name, Version, collect};
use relay::Served;

/// The most keys one deletion request may name.
const DELETE_BATCH: usize = 1000;

/// A store whose objects are on S3.
pub(crate) struct S3 {
    client: Client,
    bucket_prefix: String,
    region: String,
    patience: Duration,
}

impl S3 {
    pub(crate) async fn open(config: &S3Config) -> Result<Self, Error> {
        Ok(Self {
            client: config::client(config).await?,
            bucket_prefix: config.bucket_prefix.clone().unwrap_or_default(),
            region: config.region.clone(),
            patience: Duration::from_secs(config.patience_seconds),
        })
    }

    pub(crate) async fn get_bytes(&self, object: &Object) -> Result<Bytes, Error> {
        let request = self.client.get_object().bucket(self.name(object)).key(object.key());
        let found =
            request.send().await.map_err(|error| object_failed(object, "read an object", error))?;
        collect(found.body, found.content_length).await
    }

    pub(crate) async fn get_file(&self, object: &Object, dest: &Path) -> Result<(), Error> {
        let missing = || Error::NotFound { object: object.clone() };
        let meta = self.head(object).await?.ok_or_else(missing)?;
        let version = Version {
            client: &self.client,
            bucket: &self.name(object),
            name: Name::Ours(object),
            bytes: meta.bytes,
            etag: meta.etag.as_deref(),
            patience: self.patience,
        };
        version.copy_to(dest, |_| {}).await
    }

    /// Lets other programs on this machine read one version of an object.
    pub(crate) async fn relay(
        &self,
        object: &Object,
        version: &source::Version,
    ) -> Result<Relay, Error> {
        let served = Served {
            client: self.client.clone(),
            bucket: self.name(object),
            object: object.clone(),
            bytes: version.bytes,
            etag: version.etag.clone(),
            patience: self.patience,
        };
        Relay::start(served).await.map_err(|source| Error::Unavailable {
            operation: "listen on the loopback address",
            source: source.into(),
        })
    }

    pub(crate) async fn head(&self, object: &Object) -> Result<Option<ObjectMeta>, Error> {
        let request = self.client.head_object().bucket(self.name(object)).key(object.key());
        match request.send().await {
            Ok(head) => Ok(Some(ObjectMeta {
                key: object.key().to_owned(),
                bytes: length(head.content_length()),
                etag: head.e_tag,
            })),
            Err(error) if status(&error) == Some(404) => self.missing(object).await.map(|()| None),
            Err(error) => Err(failed("look an object up", error)),
        }
    }

    /// Makes sure that it is the object that is missing, and not its bucket or the store: the answer
    /// to HEAD has no body that would tell.
    async fn missing(&self, object: &Object) -> Result<(), Error> {
        let request = self.client.get_object().bucket(self.name(object)).key(object.key());
        match request.range("bytes=0-0").send().await {
            Ok(_) => Err(contradiction()),
            Err(error) if status(&error) == Some(416) => Err(contradiction()),
            Err(error) => match object_failed(object, "look an object up", error) {
                Error::NotFound { .. } => Ok(()),
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

/// An object that is there for one request and not for the next.
fn contradiction() -> Error {
    let source = "it has the object and has it not".into();
    Error::Unavailable { operation: "look an object up", source }
}

/// A body that stopped before its end.
fn interrupted(source: BoxError) -> Error {
    Error::Unavailable { operation: "read an object to its end", source }
}
