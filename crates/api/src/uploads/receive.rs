//! Receives one piece of a file: the bytes of one request, appended as they arrive.
//!
//! A request that breaks off keeps what arrived; only a piece with a checksum counts whole or not
//! at all. That holds at every moment: this may be dropped, or the process killed, anywhere.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use catalog::Upload;
use futures::StreamExt as _;
use storage::{Arrival, Claim};

use super::{Refusal, headers::Checksum, refusal::full, unknown};
use crate::{Api, problem::Problem};

/// Longest silence of a sender. A connection that died silently holds the upload for so long.
const SILENCE: Duration = Duration::from_secs(20);

/// Appends a body at `offset`, makes it durable and answers the new offset.
pub(super) async fn piece(
    api: &Api,
    upload: &Upload,
    offset: u64,
    checksum: Option<&Checksum>,
    headers: &HeaderMap,
    body: Body,
) -> Result<u64, Problem> {
    let mut arrival = match api.incoming.claim(&upload.id.to_string()).await? {
        Claim::Ours(arrival) => arrival,
        Claim::Missing => return Err(unknown()),
        Claim::Busy => {
            let detail = "another request sends to this upload; ask for its offset and go on there";
            return Err(Refusal::Locked.because(detail));
        }
    };
    if arrival.bytes() != offset {
        let detail = format!("{} bytes have arrived; go on there", arrival.bytes());
        return Err(Refusal::Offset.because(detail));
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|text| text.parse().ok()).unwrap_or(0);
    check_end(upload, offset, announced)?;
    api.incoming.check_space(announced).map_err(full)?;
    api.catalog.touch_upload(upload.id).await?;
    match checksum {
        None => {
            let ended = append(upload, &mut arrival, body, |_| {}).await;
            // What arrived before a fault counts.
            arrival.keep().await.map_err(full)?;
            ended?;
        }
        Some(checksum) => checked(upload, &mut arrival, checksum, body).await?,
    }
    Ok(arrival.bytes())
}

async fn checked(
    upload: &Upload,
    arrival: &mut Arrival,
    checksum: &Checksum,
    body: Body,
) -> Result<(), Problem> {
    arrival.begin_unchecked().await.map_err(full)?;
    let mut sum = checksum.begin();
    let ended = append(upload, arrival, body, |bytes| sum.update(bytes)).await;
    if ended.is_ok() && checksum.is_met(sum) {
        return arrival.keep().await.map_err(full);
    }
    arrival.take_back().await?;
    ended?;
    Err(Refusal::Checksum.because("nothing of this request was kept; send it again"))
}

async fn append(
    upload: &Upload,
    arrival: &mut Arrival,
    body: Body,
    mut seen: impl FnMut(&Bytes),
) -> Result<(), Problem> {
    let mut body = body.into_data_stream();
    loop {
        let bytes = match tokio::time::timeout(SILENCE, body.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(bytes))) => bytes,
            Ok(Some(Err(_))) | Err(_) => {
                let detail = "ask for the offset of the upload and go on there";
                return Err(Refusal::BrokeOff.because(detail));
            }
        };
        check_end(upload, arrival.bytes(), bytes.len() as u64)?;
        arrival.append(&bytes).await.map_err(full)?;
        seen(&bytes);
    }
}

/// Refuses bytes behind the end of the file.
fn check_end(upload: &Upload, offset: u64, more: u64) -> Result<(), Problem> {
    if more <= upload.bytes.saturating_sub(offset) {
        return Ok(());
    }
    let detail = format!("the file has {} bytes, as was declared; this goes beyond", upload.bytes);
    Err(Refusal::TooLarge.because(detail))
}
