//! Messages to webhooks, from a finished video to bytes and headers: one file per format. Pure; what
//! sends them is `deliver_webhook`.
//!
//! A new format is a variant of [`WebhookFormat`], a file here and an arm of [`message`].

mod runpod;
pub(crate) mod schedule;
mod standard;
mod transcode;

use catalog::{Delivery, Secret, WebhookFormat};
use time::OffsetDateTime;
use url::Url;

use crate::failure::Error;

/// What is posted. The body is the same each time; headers tell this time from others.
#[derive(Debug)]
pub(crate) struct Message {
    /// Names and values, signatures among them.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The bytes that are signed.
    pub(crate) body: Vec<u8>,
}

/// What a message is made with, besides the video.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making<'a> {
    /// Address below which players find `bucket/key`; without one, outputs stay places in the store.
    pub(crate) media_base: Option<&'a Url>,
    /// What signs, newest first.
    pub(crate) secrets: &'a [Secret],
    /// When it is sent.
    pub(crate) at: OffsetDateTime,
}

/// Writes a message in the format of its webhook. Whatever the format, the headers of Standard
/// Webhooks name and sign it.
pub(crate) fn message(delivery: &Delivery, making: Making<'_>) -> Result<Message, Error> {
    let body = match &delivery.webhook.format {
        WebhookFormat::Standard => standard::body(delivery, making)?,
        WebhookFormat::Transcode => bytes(&transcode::body(&delivery.content))?,
        WebhookFormat::Runpod { media_id } => bytes(&runpod::body(&delivery.content, media_id))?,
    };
    let mut headers = standard::headers(delivery, making, &body)?;
    let own = delivery.webhook.secret.as_ref();
    if let (WebhookFormat::Runpod { .. }, Some(secret)) = (&delivery.webhook.format, own) {
        headers.push((runpod::SIGNATURE, runpod::signature(secret.expose(), &body)));
    }
    Ok(Message { headers, body })
}

fn bytes(body: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|source| Error::Unwritable { source })
}
