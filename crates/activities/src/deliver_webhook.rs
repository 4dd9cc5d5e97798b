//! Sends one message to a webhook's receiver, and records the result. Run twice, it is sent twice,
//! under the same id; once it was accepted, or another round has begun, it is not sent again.
//!
//! Temporal tries again, after the pause that the error asks for. A message whose next try would come
//! too late is given up here, so that the log says so. So is one that can never be sent, because it
//! cannot be read or signed: nobody looks for a message that has failed.

use std::time::{Duration, Instant};

use catalog::{Delivery, Secret, Sending};
use contract::{
    DeliveryStatus,
    deliver_webhook::{Input, Output},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use time::OffsetDateTime;
use url::Url;

use crate::{
    Deps,
    failure::{Error, chain},
    webhook::{self, Making, schedule},
};

/// How messages to webhooks are sent.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Sends them.
    pub poster: fetch::Poster,
    /// Address below which players find `bucket/key`; without one, messages name places in the store.
    pub media_base: Option<Url>,
    /// The first pause before another try; 5 s in the product.
    pub first_pause: Duration,
    /// How long a message is tried; a day in the product.
    pub patience: Duration,
}

/// The result of sending a message once.
struct Verdict {
    status: DeliveryStatus,
    http_status: Option<u16>,
    /// For the log.
    error: Option<String>,
    /// The pause before the next try; `None` where there is none.
    again: Option<Duration>,
}

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    if !deps.catalog.vouches_for(&input) {
        tracing::error!(delivery = %input.delivery, "a delivery that we did not start is refused");
        return Err(Error::Unauthorized("this message"));
    }
    let found = match deps.catalog.delivery(input.delivery).await.map_err(Error::from) {
        Err(error) if !error.is_transient() => return give_up(deps, input, &error).await,
        found => found?,
    };
    let due = |it: &Delivery| it.status == DeliveryStatus::Pending && it.round == input.round;
    let Some(delivery) = found.filter(due) else { return Ok(()) };
    let tries = deps.catalog.sendings(&delivery).await?;
    let tries = tries.iter().filter(|sent| sent.round == input.round).count() + 1;
    let (at, clock) = (OffsetDateTime::now_utc(), Instant::now());
    let answer = match send(deps, &delivery, at).await {
        Err(error) if !error.is_transient() => return give_up(deps, input, &error).await,
        answer => answer?,
    };
    let verdict = judge(&deps.webhooks, &delivery, tries, answer);
    let Verdict { status, http_status, error, again } = verdict;
    let failed = error.is_some();
    let sending = Sending { at, took: clock.elapsed(), http_status, error };
    deps.catalog.log_sending(input, &sending, status).await?;
    tracing::info!(delivery = %delivery.id, video = %delivery.video, %status, http_status, "message sent");
    if failed { Err(Error::NotTaken { http_status, again }) } else { Ok(()) }
}

/// Ends a message that can never be sent, and says why in its log.
async fn give_up(deps: &Deps, input: Input, error: &Error) -> Result<Output, Error> {
    let sending = Sending {
        at: OffsetDateTime::now_utc(),
        took: Duration::ZERO,
        http_status: None,
        error: Some(format!("not sent: {error}")),
    };
    deps.catalog.log_sending(input, &sending, DeliveryStatus::Failed).await?;
    tracing::error!(delivery = %input.delivery, error = chain(error), "a message cannot be sent");
    Err(Error::NotTaken { http_status: None, again: None })
}

async fn send(
    deps: &Deps,
    delivery: &Delivery,
    at: OffsetDateTime,
) -> Result<Result<fetch::Answer, fetch::Error>, Error> {
    let secrets = secrets(deps, delivery).await?;
    let media_base = deps.webhooks.media_base.as_ref();
    let message = webhook::message(delivery, Making { media_base, secrets: &secrets, at })?;
    let Ok(url) = delivery.webhook.url.expose().parse() else {
        return Ok(Err(fetch::Refusal::NoHost.into()));
    };
    Ok(deps.webhooks.poster.post(&url, &message.headers, message.body).await)
}

async fn secrets(deps: &Deps, delivery: &Delivery) -> Result<Vec<Secret>, Error> {
    if let Some(own) = &delivery.webhook.secret {
        return Ok(vec![own.clone()]);
    }
    let found = deps.catalog.signing_secrets(&delivery.tenant).await?;
    Ok(found.into_iter().map(|signing| signing.secret).collect())
}

/// Says where a message stands after an answer, or none.
fn judge(
    webhooks: &Webhooks,
    delivery: &Delivery,
    tries: usize,
    answer: Result<fetch::Answer, fetch::Error>,
) -> Verdict {
    let (http_status, error, may_pass, asked) = match answer {
        Ok(answer) if matches!(answer.status, 200..300) => {
            let (status, http_status) = (DeliveryStatus::Delivered, Some(answer.status));
            return Verdict { status, http_status, error: None, again: None };
        }
        Ok(answer) => {
            let now = OffsetDateTime::now_utc();
            let asked = answer.retry_after.and_then(|header| schedule::asked(&header, now));
            let status = answer.status;
            (Some(status), refusal(status), schedule::may_pass(status), asked)
        }
        Err(error) => (None, in_words(&error), can_be_reached_later(&error), None),
    };
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    let pause = schedule::pause(webhooks.first_pause, tries, asked, dice());
    let in_time = OffsetDateTime::now_utc() + pause < delivery.round_at + webhooks.patience;
    let again = (may_pass && in_time).then_some(pause);
    let error = if may_pass && !in_time { format!("{error}; given up") } else { error };
    let status = if again.is_some() { DeliveryStatus::Pending } else { DeliveryStatus::Failed };
    Verdict { status, http_status, error: Some(error), again }
}

fn refusal(status: u16) -> String {
    match status {
        300..400 => format!("the receiver answers {status}; redirects are not followed"),
        _ => format!("the receiver answers {status}"),
    }
}

/// Names the obstacle. Of the URL it only contains the host.
fn in_words(error: &fetch::Error) -> String {
    match error {
        fetch::Error::Forbidden { reason } => format!("the address is refused: {reason}"),
        fetch::Error::Unreachable { .. } => "no connection to the receiver".to_owned(),
        fetch::Error::Interrupted { .. } => "the receiver broke the connection off".to_owned(),
        error => error.to_string(),
    }
}

/// A name that is unknown today may be known tomorrow; an address that is refused stays refused.
fn can_be_reached_later(error: &fetch::Error) -> bool {
    error.is_transient() || matches!(error, fetch::Error::NoSuchHost { .. })
}

fn dice() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness the pause has no jitter, which is no reason to send nothing.
    let _ = SystemRandom::new().fill(&mut bytes);
    u32::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests;
