//! What a video carries that nobody but the workers may see. Sealed at rest; never in a log, in the
//! history of a workflow or in an answer.

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
    /// Who is told how the video ended.
    pub webhook: Option<Webhook>,
    /// The buckets of the customer's it comes from and goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stores: Option<GivenStores>,
}

/// The buckets of a customer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenStores {
    /// Where the source is and the outputs go.
    pub main: GivenStore,
    /// Where the master copy goes; the main one where there is none.
    pub mezzanine: Option<GivenStore>,
}

/// A bucket of a customer's, on any store that speaks S3.
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

/// Who is told how a video ended. The address is a secret too: its query may hold a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// http(s) address.
    pub url: Secret,
    /// Signs the messages; the tenant's own secrets do where there is none.
    pub secret: Option<Secret>,
    /// What is told.
    #[serde(default = "every_event")]
    pub events: Vec<Event>,
    /// How the message is written.
    #[serde(default)]
    pub format: WebhookFormat,
}

fn every_event() -> Vec<Event> {
    Event::ALL.to_vec()
}

/// How a webhook's message is written.
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

/// A text that shows itself to nobody by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one who needs it.
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
