//! The input of a job of `/v2`, and the video it becomes.

use catalog::{GivenStore, GivenStores, NewVideo, Private, Secret, Webhook, WebhookFormat};
use contract::{Event, Export, Source, VideoId};
use media::options::{Options, PreviewOption, Switch, ThumbnailOption};
use serde::Deserialize;
use storage::ExternalConfig;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{caller::Caller, compat::check_secret, problem::FieldError, videos::check_url};

/// Longest name of a creator or a medium, as it becomes a part of keys.
const NAME_BYTES_MAX: usize = 128;
/// Longest name of a region; those of known providers have up to 25 bytes.
const REGION_BYTES_MAX: usize = 64;
/// Longest access key id or secret; AWS has up to 128 characters.
const CREDENTIAL_BYTES_MAX: usize = 512;
/// Longest address of a store: the longest host name and a port.
const ENDPOINT_BYTES_MAX: usize = 512;
/// Region where an endpoint does not tell its own; Cloudflare R2 takes it for `auto`.
const REGION: &str = "us-east-1";

/// Which kind of media is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RunpodKind)]
pub(crate) enum Kind {
    /// Pictures and sound.
    Video,
    /// Sound only, even if the source has pictures.
    Audio,
}

/// The input of a transcoding worker. `r2…` is the bucket of the source and the outputs, `b2…`,
/// when given, that of the master copy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunpodInput)]
#[expect(clippy::struct_field_names, reason = "the names are those of the callers")]
pub(crate) struct Input {
    /// The caller's id of the video; letters, digits, `-` and `_`.
    media_id: String,
    /// The caller's id of its owner; letters, digits, `-` and `_`.
    creator_id: String,
    /// Kind of media wanted.
    #[serde(rename = "type")]
    kind: Kind,
    /// Key of the source in the first bucket.
    input_key: String,
    /// URL that is called when the job has ended.
    webhook_url: Option<String>,
    /// Secret that signs the message.
    #[schema(value_type = Option<String>)]
    webhook_secret: Option<Secret>,
    /// URL of the first store.
    r2_endpoint: String,
    /// Its region; taken from the address, else `us-east-1`.
    r2_region: Option<String>,
    /// Access key id for it.
    #[schema(value_type = String)]
    #[serde(alias = "r2AccessKey")]
    r2_access_key_id: Secret,
    /// Secret access key for it.
    #[schema(value_type = String)]
    #[serde(alias = "r2SecretKey")]
    r2_secret_access_key: Secret,
    /// Name of the first bucket.
    #[serde(alias = "r2Bucket")]
    r2_bucket_name: String,
    /// URL of the second store.
    b2_endpoint: Option<String>,
    /// Its region; taken from the address, else `us-east-1`.
    b2_region: Option<String>,
    /// Access key id for it.
    #[schema(value_type = Option<String>)]
    #[serde(alias = "b2AccessKey")]
    b2_access_key_id: Option<Secret>,
    /// Secret access key for it.
    #[schema(value_type = Option<String>)]
    #[serde(alias = "b2SecretKey")]
    b2_secret_access_key: Option<Secret>,
    /// Name of the second bucket.
    #[serde(alias = "b2Bucket")]
    b2_bucket_name: Option<String>,
}

/// Checks everything that can be known at once.
pub(super) fn accepted(caller: Caller, input: Input) -> Result<NewVideo, FieldError> {
    check_name("input.mediaId", &input.media_id)?;
    check_name("input.creatorId", &input.creator_id)?;
    let webhook = input.webhook_url.map(|url| check_url("input.webhookUrl", &url)).transpose()?;
    let secret = input.webhook_secret.as_ref();
    secret.map_or(Ok(()), |secret| check_secret("input.webhookSecret", secret))?;
    if !(1..=1024).contains(&input.input_key.len()) {
        return Err(FieldError::body("input.inputKey", "must have 1 to 1024 bytes"));
    }
    let main = store(
        "input.r2",
        input.r2_endpoint,
        input.r2_region,
        input.r2_bucket_name,
        [input.r2_access_key_id, input.r2_secret_access_key],
    )?;
    let keys = input.b2_access_key_id.zip(input.b2_secret_access_key);
    let mezzanine = match (input.b2_endpoint, input.b2_bucket_name, keys) {
        (None, None, None) => None,
        (Some(endpoint), Some(bucket), Some((id, secret))) => {
            Some(store("input.b2", endpoint, input.b2_region, bucket, [id, secret])?)
        }
        _ => return Err(FieldError::body("input.b2Endpoint", "give all four of b2…, or none")),
    };
    let webhook = webhook.map(|url| Webhook {
        url: Secret::new(url),
        secret: input.webhook_secret,
        events: Event::ALL.to_vec(),
        format: WebhookFormat::Runpod { media_id: input.media_id.clone() },
    });
    let source = Source::Given { key: input.input_key };
    let export = Export::runpod(&input.creator_id, &input.media_id);
    Ok(NewVideo {
        options: options(input.kind),
        metadata: serde_json::json!({"mediaId": input.media_id, "creatorId": input.creator_id}),
        private: Private { webhook, stores: Some(GivenStores { main, mezzanine }) },
        export: Some(export),
        api_key: caller.key,
        ..NewVideo::new(VideoId(Uuid::now_v7()), caller.tenant, source)
    })
}

/// All that the webhook has a field for.
fn options(kind: Kind) -> Options {
    let video = kind == Kind::Video;
    Options {
        thumbnail: video.then(ThumbnailOption::default),
        preview: Some(Switch::With(PreviewOption::default())),
        waveform: Some(true),
        mezzanine: video.then_some(true),
        audio_only: (!video).then_some(true),
        ..Options::default()
    }
}

fn check_name(field: &str, name: &str) -> Result<(), FieldError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(FieldError::body(field, "must be 1 to 128 letters, digits, `-` or `_`"))
}

fn check_region(field: &str, region: &str) -> Result<(), FieldError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=REGION_BYTES_MAX).contains(&region.len()) && region.bytes().all(plain) {
        return Ok(());
    }
    Err(FieldError::body(field, "must be 1 to 64 letters, digits, `-`, `_` or `.`"))
}

fn store(
    fields: &str,
    endpoint: String,
    region: Option<String>,
    bucket: String,
    [access_key, secret_key]: [Secret; 2],
) -> Result<GivenStore, FieldError> {
    let fault = |reason: &str| FieldError::body(&format!("{fields}Endpoint"), reason);
    if endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err(fault("is longer than 512 bytes"));
    }
    let url: url::Url = endpoint.parse().map_err(|_| fault("is not an address"))?;
    if let Some(region) = &region {
        check_region(&format!("{fields}Region"), region)?;
    }
    for (field, secret) in [("AccessKeyId", &access_key), ("SecretAccessKey", &secret_key)] {
        if !(1..=CREDENTIAL_BYTES_MAX).contains(&secret.expose().len()) {
            let reason = format!("must have 1 to {CREDENTIAL_BYTES_MAX} bytes");
            return Err(FieldError::body(&format!("{fields}{field}"), &reason));
        }
    }
    let region = region.unwrap_or_else(|| region_of(url.host_str().unwrap_or_default()).to_owned());
    let config = ExternalConfig {
        endpoint: url,
        region: region.clone(),
        bucket: bucket.clone(),
        access_key: String::new(),
        secret_key: storage::Secret::new(""),
    };
    config.validate().map_err(|error| fault(&error.to_string()))?;
    Ok(GivenStore { endpoint, region, bucket, access_key, secret_key })
}

/// The region in addresses of the form `s3.{region}.provider.tld`.
fn region_of(host: &str) -> &str {
    let labels: Vec<&str> = host.split('.').collect();
    match labels[..] {
        ["s3", region, _, _, ..] => region,
        _ => REGION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_the_address_or_the_usual_one() {
        for (host, region) in [
            ("s3.us-west-004.backblazeb2.com", "us-west-004"),
            ("s3.eu-central-1.amazonaws.com", "eu-central-1"),
            ("s3.amazonaws.com", "us-east-1"),
            ("account.r2.cloudflarestorage.com", "us-east-1"),
            ("127.0.0.1", "us-east-1"),
        ] {
            assert_eq!(region_of(host), region, "{host}");
        }
    }
}
