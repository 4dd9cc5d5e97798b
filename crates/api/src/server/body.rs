//! Supervised bodies: requests that must keep arriving, and responses that keep their connection
//! busy.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{BoxError, body::Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::{Timeouts, connections::Answer};

/// A request's body, which ends with an error when it stalls or is too slow.
pub(super) struct Arriving {
    body: Incoming,
    timeouts: Timeouts,
    since: Instant,
    bytes: u64,
    stall: Pin<Box<Sleep>>,
}

/// Why a body was given up.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request arrives too slowly")]
struct TooSlow;

impl Arriving {
    pub(super) fn new(body: Incoming, timeouts: Timeouts) -> Self {
        let stall = Box::pin(tokio::time::sleep(timeouts.body));
        Self { body, timeouts, since: Instant::now(), bytes: 0, stall }
    }

    /// True when fewer bytes than the minimum rate requires have arrived. Time that the server
    /// itself takes between two reads counts too, which is why the rate is low.
    fn drips(&self) -> bool {
        let after = self.since.elapsed().saturating_sub(self.timeouts.body);
        self.bytes < after.as_secs().saturating_mul(self.timeouts.body_rate)
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            ready!(this.stall.as_mut().poll(context));
            return Poll::Ready(Some(Err(TooSlow.into())));
        };
        this.stall.as_mut().reset(Instant::now() + this.timeouts.body);
        let Some(frame) = frame else { return Poll::Ready(None) };
        let frame = frame?;
        this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        Poll::Ready(Some(if this.drips() { Err(TooSlow.into()) } else { Ok(frame) }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body. While it exists, its connection counts as busy.
pub(super) struct Answering {
    body: axum::body::Body,
    _answer: Answer,
}

impl Answering {
    pub(super) fn new(body: axum::body::Body, answer: Answer) -> Self {
        Self { body, _answer: answer }
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
