//! The data of a video that only workers may see. Sealed at rest; never in a log, in the history of
//! a workflow or in a response.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::Event;
use serde::{Deserialize, Serialize};

/// How a signing secret begins, as Standard Webhooks says; base64 follows.
pub(crate) const SIGNING_PREFIX: &str = "whsec_";

/// The secrets of one video; the default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Private {
    /// The webhook that is called when the video has ended.
    pub webhook: Option<Webhook>,
    /// The customer's buckets that it comes from and goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stores: Option<GivenStores>,
}

/// The buckets of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenStores {
    /// Bucket of the source and the outputs.
    pub main: GivenStore,
    /// Bucket of the master copy; `None` for the main one.
    pub mezzanine: Option<GivenStore>,
}

/// A customer's bucket, on any S3-compatible store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenStore {
    /// Address of the store, without bucket.
    pub endpoint: String,
    /// Region that requests are signed for.
    pub region: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Access key id.
    pub access_key: Secret,
    /// Secret access key.
    pub secret_key: Secret,
}

/// The webhook that is called when the video has ended. The address is a secret too: its query may
/// hold a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// http(s) address.
    pub url: Secret,
    /// Secret that signs the messages; the tenant's secrets are used without one.
    pub secret: Option<Secret>,
    /// The events to report.
    #[serde(default = "every_event")]
    pub events: Vec<Event>,
    /// Format of the message.
    #[serde(default)]
    pub format: WebhookFormat,
}

fn every_event() -> Vec<Event> {
    Event::ALL.to_vec()
}

/// Format of a webhook's message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WebhookFormat {
    /// As <https://www.standardwebhooks.com> says.
    #[default]
    Standard,
    /// As `POST /api/transcode/submit` promises.
    Transcode,
    /// As `POST /v2/{endpoint}/run` promises.
    Runpod {
        /// What the caller calls the video.
        media_id: String,
    },
}

/// A string redacted in Debug output.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The bytes with which a webhook's secret signs: what follows `whsec_` is base64, as Standard
    /// Webhooks says; a text without that prefix is its own bytes. `None` for one that cannot sign.
    pub fn signing_key(&self) -> Option<Vec<u8>> {
        let bytes = match self.0.strip_prefix(SIGNING_PREFIX) {
            Some(text) => STANDARD.decode(text).ok()?,
            None => self.0.as_bytes().to_vec(),
        };
        (!bytes.is_empty()).then_some(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_signs_with_its_base64_or_with_its_own_bytes() {
        let key = |text: &str| Secret::new(text).signing_key();
        assert_eq!(key("whsec_AAEC"), Some(vec![0, 1, 2]));
        assert_eq!(key("plain"), Some(b"plain".to_vec()));
        assert_eq!(key("WHSEC_?"), Some(b"WHSEC_?".to_vec()));
        for bad in ["", "whsec_", "whsec_?", "whsec_AAE", "whsec_AA EC", "whsec_AAEC\n"] {
            assert_eq!(key(bad), None, "{bad:?}");
        }
    }
}
