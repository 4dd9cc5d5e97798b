//! A bucket of somebody else's, on any store that speaks S3, by an address and credentials of theirs.
//!
//! The address is not to be trusted: which machines may be reached is asked of [`Permits`], for the
//! address as written and again at every connect. Knows nothing of our own buckets and their keys.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::Client;
use url::{Host, Url};

use super::config::PATIENCE;
use super::config::{self, Secret};
use super::failure::{absent, failed, status};
use super::read::{Name, Version};
use super::resolver::Resolver;
use super::upload::{MARK, Target};
use super::{contradiction, length};
use crate::object::check_key;
use crate::{Bytes, Error};

/// Says whether a connection to an address may be opened.
#[derive(Clone)]
pub struct Permits(pub Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permits(..)")
    }
}

/// How to reach a bucket of somebody else's.
#[derive(Clone, Debug)]
pub struct ExternalConfig {
    /// Address of the store: http(s), a host, perhaps a port, and nothing else.
    pub endpoint: Url,
    /// Region that requests are signed for.
    pub region: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: Secret,
}

impl ExternalConfig {
    /// Checks what can be checked without asking anybody.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |reason| Err(Error::InvalidConfig { reason });
        let url = &self.endpoint;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return refuse("endpoint must begin with `http://` or `https://` and name a host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("endpoint must not hold a user name or password");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return refuse(
                "endpoint must end after host and port; the bucket has a field of its own",
            );
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let name = self.bucket.as_bytes();
        if !(3..=63).contains(&name.len())
            || !name.iter().all(|byte| plain(*byte))
            || name[0] == b'.'
        {
            return refuse("bucket must be 3 to 63 letters, digits, `-`, `_` or `.`");
        }
        Ok(())
    }
}

/// What a look-up returns about an object in a customer's bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalMeta {
    /// The size.
    pub bytes: u64,
    /// The store's tag of the content, when it gives one.
    pub etag: Option<String>,
    /// The mark it was put with.
    pub mark: Option<String>,
}

/// A bucket of somebody else's. Cheap to clone. An object appears whole or not at all.
#[derive(Clone)]
pub struct External {
    client: Client,
    bucket: String,
}

impl fmt::Debug for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "External({})", self.bucket)
    }
}

impl External {
    /// Opens the bucket. Makes no request, but refuses a literal address that may not be reached.
    pub fn open(config: &ExternalConfig, permits: &Permits) -> Result<Self, Error> {
        config.validate()?;
        let literal = match config.endpoint.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            _ => None,
        };
        if let Some(address) = literal
            && !(permits.0)(address)
        {
            return Err(Error::Forbidden { host: address.to_string() });
        }
        let client = config::external_client(config, Resolver::new(permits.clone()));
        Ok(Self { client, bucket: config.bucket.clone() })
    }

    /// Looks an object up; `None` when it does not exist.
    pub async fn head(&self, key: &str) -> Result<Option<ExternalMeta>, Error> {
        check_key(key)?;
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(head) => {
                let bytes = length(head.content_length());
                let mark = head.metadata.and_then(|mut data: HashMap<_, _>| data.remove(MARK));
                Ok(Some(ExternalMeta { bytes, etag: head.e_tag, mark }))
            }
            Err(error) if status(&error) == Some(404) => self.missing(key).await.map(|()| None),
            Err(error) => Err(failed("look an object up", error)),
        }
    }

    /// Makes sure that it is the object that is missing: the answer to HEAD does not tell.
    async fn missing(&self, key: &str) -> Result<(), Error> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        match request.range("bytes=0-0").send().await {
            Ok(_) => Err(contradiction()),
            Err(error) if status(&error) == Some(416) => Err(contradiction()),
            Err(error) => match absent(key, "look an object up", error) {
                Error::Absent { .. } => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Copies an object to a local file, which appears whole or not at all; `beat` is told the bytes
    /// that have arrived. Fails with [`Error::Absent`] when there is none, and with
    /// [`Error::TooLarge`] when it has more than `most` bytes.
    pub async fn get_file(
        &self,
        key: &str,
        dest: &Path,
        most: u64,
        beat: impl FnMut(u64) + Send,
    ) -> Result<(), Error> {
        check_key(key)?;
        let meta = self.head(key).await?;
        let meta = meta.ok_or_else(|| Error::Absent { key: key.to_owned() })?;
        if meta.bytes > most {
            return Err(Error::TooLarge { most });
        }
        // Not a byte more than that is read, whatever the server sends.
        let version = Version {
            client: &self.client,
            bucket: &self.bucket,
            name: Name::Given(key),
            bytes: meta.bytes,
            etag: meta.etag.as_deref(),
            patience: PATIENCE,
        };
        version.copy_to(dest, beat).await
    }

    /// Writes an object, replacing what is there; `mark` is found again by [`External::head`].
    pub async fn put_bytes(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
        mark: &str,
    ) -> Result<(), Error> {
        check_key(key)?;
        self.target(key, mark).send(bytes.into().into()).await
    }

    /// Writes a local file as an object, replacing what is there; the file stays as it is.
    pub async fn put_file(&self, key: &str, source: &Path, mark: &str) -> Result<(), Error> {
        check_key(key)?;
        self.target(key, mark).send_file(source).await
    }

    /// Deletes an object; one that does not exist is deleted already.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        check_key(key)?;
        match self.client.delete_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) if status(&error) == Some(404) => Ok(()),
            Err(error) => Err(failed("delete an object", error)),
        }
    }

    fn target<'a>(&'a self, key: &'a str, mark: &'a str) -> Target<'a> {
        Target { client: &self.client, bucket: &self.bucket, key, mark: Some(mark) }
    }
}
