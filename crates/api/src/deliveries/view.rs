//! A message to a webhook as clients see it. The URL is shown without its query, and secrets are
//! not shown.

use catalog::{Delivery, Sent, Webhook};
use contract::{DeliveryId, DeliveryStatus, Event, VideoId};
use serde::Serialize;
use time::OffsetDateTime;
use url::Url;
use utoipa::ToSchema;

/// The webhook that is called when the video has ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookView {
    /// The URL, without its query and fragment.
    #[schema(format = "uri")]
    url: String,
    /// The events to report.
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
    /// The event it reports.
    event: Event,
    /// Its status.
    status: DeliveryStatus,
    /// 1, and one more with each replay.
    round: u32,
    /// The receiver.
    webhook: WebhookView,
    /// When the attempt at the video ended.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When the message was last sent or replayed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// A message, with every attempt to send it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryLog {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// The attempts to send it, oldest first.
    attempts: Vec<SendingView>,
}

/// One attempt to send a message.
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
    /// The receiver's HTTP status; `null` without a response.
    http_status: Option<u16>,
    /// Why it was not accepted; `null` when it was.
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
