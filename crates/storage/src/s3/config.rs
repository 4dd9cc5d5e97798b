//! How to reach S3: the configuration and the client made from it.
//!
//! Owns TLS, checksums, timeouts and retries of the client; keeps the secret out of logs.

use std::fmt;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, ProvideCredentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use serde::Deserialize;
use url::Url;

use super::external::ExternalConfig;
use super::resolver::Resolver;
use crate::Error;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the first byte of an answer; the last part of a large upload can be slow.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// Tries per request; with the backoff below they span at most 3 s.
const MAX_ATTEMPTS: u32 = 5;
/// Longest wait before the second try; it doubles before each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// How long a store may send nothing while an object is read: shorter than the 30 s after which a
/// program that reads through us counts as stalled, so that the store is named.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);

/// How to reach an S3 store.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// Address of a store other than AWS, as in `http://127.0.0.1:9000`.
    pub endpoint: Option<Url>,
    /// Region of the buckets; stores other than AWS mostly ignore it.
    pub region: String,
    /// Access key id. Without it the standard AWS credential chain is used.
    pub access_key: Option<String>,
    /// Secret access key, together with `access_key` or not at all.
    pub secret_key: Option<Secret>,
    /// Bucket in the path instead of the host name: what most stores other than AWS want.
    pub force_path_style: bool,
    /// Put before every bucket name, because names are shared by all users of AWS.
    pub bucket_prefix: Option<String>,
    /// How many seconds nothing may arrive while an object is read before the store counts as
    /// unavailable; connections that fall silent are given up for others three times as fast.
    pub patience_seconds: u64,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: "us-east-1".to_owned(),
            access_key: None,
            secret_key: None,
            force_path_style: false,
            bucket_prefix: None,
            patience_seconds: PATIENCE.as_secs(),
        }
    }
}

/// Text that is never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Makes the client and checks that there are credentials.
pub(super) async fn client(config: &S3Config) -> Result<Client, Error> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .http_client(http);
    match (&config.access_key, &config.secret_key) {
        (Some(id), Some(Secret(secret))) => {
            loader =
                loader.credentials_provider(Credentials::new(id, secret, None, None, "config"));
        }
        (None, None) => {}
        _ => {
            let reason = "access_key and secret_key are given together or not at all";
            return Err(Error::InvalidConfig { reason });
        }
    }
    let shared = loader.load().await;
    let operation = "load credentials";
    let provider = shared.credentials_provider().ok_or_else(|| {
        let source = "no credentials provider is configured".into();
        Error::Denied { operation, source }
    })?;
    let credentials = provider.provide_credentials().await;
    credentials.map_err(|error| Error::Denied { operation, source: error.into() })?;
    Ok(Client::from_conf(settings(config, &shared).build()))
}

/// Makes the client of somebody else's store, whose names `resolver` looks up.
pub(super) fn external_client(config: &ExternalConfig, resolver: Resolver) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(resolver);
    let Secret(secret) = &config.secret_key;
    let credentials = Credentials::new(&config.access_key, secret, None, None, "given");
    let settings = behaviour(aws_sdk_s3::Config::builder())
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .http_client(http)
        .credentials_provider(credentials)
        .endpoint_url(config.endpoint.as_str().trim_end_matches('/'))
        .force_path_style(true);
    Client::from_conf(settings.build())
}

fn settings(config: &S3Config, shared: &aws_config::SdkConfig) -> aws_sdk_s3::config::Builder {
    let builder = behaviour(aws_sdk_s3::config::Builder::from(shared));
    let settings = builder.force_path_style(config.force_path_style);
    match &config.endpoint {
        Some(endpoint) => settings.endpoint_url(endpoint.as_str().trim_end_matches('/')),
        None => settings,
    }
}

/// Timeouts, retries and checksums, the same for every store.
fn behaviour(builder: aws_sdk_s3::config::Builder) -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    let retries =
        RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_initial_backoff(FIRST_BACKOFF);
    builder
        .timeout_config(timeouts)
        .retry_config(retries)
        // Many stores other than AWS reject the trailing checksums that are sent by default.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_never_printed() {
        let secret_key = Some(Secret::new("hunter2"));
        let config = S3Config { secret_key, ..S3Config::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
