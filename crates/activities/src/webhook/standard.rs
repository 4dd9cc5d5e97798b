//! The format of <https://www.standardwebhooks.com>: a JSON body, and headers that sign it together
//! with its id and the time it is sent.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use catalog::{Delivery, Secret, Video};
use contract::{Event, Failure, Outputs, SourceSummary, Status, VideoId, Warning};
use ring::hmac;
use serde::Serialize;
use time::OffsetDateTime;

use super::Making;
use crate::failure::Error;

#[derive(Serialize)]
struct Body {
    #[serde(rename = "type")]
    event: Event,
    /// When the attempt ended, which stays the same when the message is sent again.
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    id: VideoId,
    status: Status,
    attempt: u32,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    metadata: serde_json::Value,
    source: Option<SourceSummary>,
    outputs: Option<Outputs>,
    warnings: Vec<Warning>,
    error: Option<Failure>,
}

/// The headers that name and sign a body.
pub(super) fn headers(
    delivery: &Delivery,
    making: Making<'_>,
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, Error> {
    let (id, seconds) = (delivery.id.to_string(), making.at.unix_timestamp());
    let signatures = making.secrets.iter().map(|secret| sign(secret, &id, seconds, body));
    let signatures = signatures.collect::<Result<Vec<_>, _>>()?.join(" ");
    Ok(vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signatures),
    ])
}

/// The body, the same each time.
pub(super) fn body(delivery: &Delivery, making: Making<'_>) -> Result<Vec<u8>, Error> {
    let video: Video = delivery.content.clone();
    let outputs = video.outputs.map(|outputs| match making.media_base {
        Some(base) => outputs.addressed(base),
        None => outputs,
    });
    let data = Data {
        id: video.id,
        status: video.status,
        attempt: video.attempt,
        created_at: video.created_at,
        metadata: video.metadata,
        source: video.summary,
        outputs,
        warnings: video.warnings,
        error: video.error,
    };
    let body = Body { event: delivery.event, timestamp: delivery.created_at, data };
    super::bytes(&body)
}

/// One signature: HMAC-SHA256 over id, time and body.
fn sign(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> Result<String, Error> {
    let bytes = secret.signing_key().ok_or(Error::BadSecret)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    Ok(format!("v1,{}", STANDARD.encode(context.sign())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_specification_is_signed() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let signed = sign(&secret, id, 1_614_265_330, body).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let bad = sign(&Secret::new("whsec_?"), id, 0, body);
        assert!(matches!(bad, Err(Error::BadSecret)));
    }
}
