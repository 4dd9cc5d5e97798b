//! Which webhooks a request may name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use catalog::{Secret, Webhook, WebhookFormat};
use contract::Event;
use serde::Deserialize;
use utoipa::ToSchema;

use super::source::check_url;
use crate::problem::FieldError;

/// How a secret's text begins, as Standard Webhooks says.
const SECRET_PREFIX: &str = "whsec_";

/// The webhook that is called when the video has ended. Messages are signed as
/// <https://www.standardwebhooks.com> says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// http(s) address, without user name and password. Redirects are not followed.
    #[schema(example = "https://example.com/hooks/millrace", max_length = 4096)]
    url: String,
    /// Signs the messages: `whsec_` and 24 to 64 bytes in base64. Without one, the secrets that
    /// `millrace webhooks secret show` shows sign them. Never shown again.
    secret: Option<String>,
    /// What is told, each event once; everything by default.
    #[schema(max_items = 3)]
    events: Option<Vec<Event>>,
}

/// Checks everything that can be known at once.
pub(super) fn check(asked: CreateWebhook) -> Result<Webhook, Vec<FieldError>> {
    let CreateWebhook { url, secret, events } = asked;
    let url = check_url("webhook.url", &url);
    let faults = [
        url.as_ref().err().cloned(),
        secret.as_deref().and_then(|text| check_secret(text).err()),
        events.as_deref().and_then(|events| check_events(events).err()),
    ];
    let faults: Vec<FieldError> = faults.into_iter().flatten().collect();
    let url = match url {
        Ok(url) if faults.is_empty() => url,
        _ => return Err(faults),
    };
    Ok(Webhook {
        url: Secret::new(url),
        secret: secret.map(Secret::new),
        events: events.unwrap_or_else(|| Event::ALL.to_vec()),
        format: WebhookFormat::Standard,
    })
}

/// Events that are named at all, and each once.
fn check_events(events: &[Event]) -> Result<(), FieldError> {
    let most = Event::ALL.len();
    if events.is_empty() {
        let reason = "names no event; leave it out to be told all";
        return Err(FieldError::body("webhook.events", reason));
    }
    if events.len() > most {
        let reason = format!("names {} events; at most {most}", events.len());
        return Err(FieldError::body("webhook.events", &reason));
    }
    let twice = |(at, event): &(usize, &Event)| events[..*at].contains(event);
    if let Some((at, event)) = events.iter().enumerate().find(twice) {
        let reason = format!("`{event}` is there twice");
        return Err(FieldError::body(&format!("webhook.events[{at}]"), &reason));
    }
    Ok(())
}

fn check_secret(text: &str) -> Result<(), FieldError> {
    let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
    match bytes {
        Some(bytes) if (24..=64).contains(&bytes.len()) => Ok(()),
        _ => {
            let reason = "must be `whsec_` and 24 to 64 bytes in base64";
            Err(FieldError::body("webhook.secret", reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, secret: Option<&str>, events: Option<Vec<Event>>) -> CreateWebhook {
        CreateWebhook { url: url.into(), secret: secret.map(Into::into), events }
    }

    fn pointers(asked: CreateWebhook) -> Vec<String> {
        let faults = check(asked).unwrap_err();
        let json = faults.iter().map(|fault| serde_json::to_value(fault).unwrap());
        json.map(|fault| fault["pointer"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_webhook_needs_no_more_than_an_address() {
        let taken = check(asked("https://h/?token=a", None, None));
        let taken = taken.unwrap();
        assert_eq!((taken.secret, taken.events), (None, Event::ALL.to_vec()));
        let secret = format!("whsec_{}", STANDARD.encode([7; 24]));
        assert!(check(asked("http://h/", Some(&secret), Some(vec![Event::Ready]))).is_ok());
    }

    #[test]
    fn every_fault_is_named_and_no_secret_repeated() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        let bare = STANDARD.encode([7; 32]);
        for secret in ["", "whsec_", "whsec_!", &short, &long, &bare] {
            assert_eq!(pointers(asked("http://h/", Some(secret), None)), ["#/webhook/secret"]);
        }
        for url in ["", "h", "ftp://h/", "http://u:p@h/", "http://h/a b"] {
            assert_eq!(pointers(asked(url, None, None)), ["#/webhook/url"], "{url}");
        }
        let named = |events: &[Event]| pointers(asked("http://h/", None, Some(events.to_vec())));
        assert_eq!(named(&vec![Event::Ready; 60_000]), ["#/webhook/events"]);
        assert_eq!(named(&[Event::Ready, Event::Failed, Event::Ready]), ["#/webhook/events/2"]);
        let all = asked("x", Some("my secret"), Some(vec![]));
        let faults = check(all).unwrap_err();
        assert_eq!(faults.len(), 3);
        assert!(!format!("{faults:?}").contains("my secret"));
    }
}
