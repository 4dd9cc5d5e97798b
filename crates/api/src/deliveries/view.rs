//! A message to a webhook as clients see it. The address is shown without its query, and no secret.

use catalog::{Delivery, Sent, Webhook};
use contract::{DeliveryId, DeliveryStatus, Event, VideoId};
use serde::Serialize;
use time::OffsetDateTime;
use url::Url;
use utoipa::ToSchema;

/// Who is told how a video ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookView {
    /// The address, without its query and fragment.
    #[schema(format = "uri")]
    url: String,
    /// What is told.
    events: Vec<Event>,
}

/// A message to a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// Identifies the message over all attempts and replays; receivers see it as `webhook-id`.
    id: DeliveryId,
    /// The video it is about, which may be gone.
    video: VideoId,
    /// The attempt at the video that ended.
    attempt: u32,
    /// What it tells.
    event: Event,
    /// Where it stands.
    status: DeliveryStatus,
    /// 1, and one more with each replay.
    round: u32,
    /// Who is told.
    webhook: WebhookView,
    /// When the attempt at the video ended.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When the message was last sent or replayed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// A message, and every time it was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryLog {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Every time it was sent, oldest first.
    attempts: Vec<SendingView>,
}

/// One time a message was sent.
#[derive(Debug, Serialize, ToSchema)]
struct SendingView {
    /// Counts from 1, over all rounds.
    number: u32,
    /// The round it belongs to.
    round: u32,
    /// When it was sent.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// How long it took, in seconds.
    took_seconds: f64,
    /// What the receiver answered; `null` when it did not.
    http_status: Option<u16>,
    /// Why it was not taken; `null` when it was.
    error: Option<String>,
}

impl WebhookView {
    pub(crate) fn new(webhook: &Webhook) -> Self {
        let url = Url::parse(webhook.url.expose()).map(|mut url| {
            url.set_query(None);
            url.set_fragment(None);
            // Both fail only for addresses that have no place for them.
            let _ = (url.set_username(""), url.set_password(None));
            url.into()
        });
        Self { url: url.unwrap_or_default(), events: webhook.events.clone() }
    }
}

impl DeliveryView {
    pub(super) fn new(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            video: delivery.video,
            attempt: delivery.attempt,
            event: delivery.event,
            status: delivery.status,
            round: delivery.round,
            webhook: WebhookView::new(&delivery.webhook),
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

impl DeliveryLog {
    pub(super) fn new(delivery: &Delivery, sent: Vec<Sent>) -> Self {
        let attempts = sent.into_iter().map(|Sent { number, round, sending }| SendingView {
            number,
            round,
            at: sending.at,
            took_seconds: sending.took.as_secs_f64(),
            http_status: sending.http_status,
            error: sending.error,
        });
        Self { delivery: DeliveryView::new(delivery), attempts: attempts.collect() }
    }
}

#[cfg(test)]
mod tests {
    use catalog::{Secret, WebhookFormat};

    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let webhook = Webhook {
            url: Secret::new("https://u:p@h.example/hook?token=x#y"),
            secret: Some(Secret::new("whsec_AAAA")),
            events: vec![Event::Ready],
            format: WebhookFormat::Standard,
        };
        let shown = serde_json::to_value(WebhookView::new(&webhook)).unwrap();
        let expected =
            serde_json::json!({"url": "https://h.example/hook", "events": ["video.ready"]});
        assert_eq!(shown, expected);
    }
}
