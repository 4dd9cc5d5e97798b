//! Posts messages to addresses that users gave, through the same filter as downloads.
//!
//! Follows no redirect: a message, and what signs it, goes where its receiver said or nowhere. Reads
//! nothing of an answer but its head. Does not retry, and does not judge what is answered.

use std::{sync::Arc, time::Duration};

use reqwest::{header::RETRY_AFTER, redirect::Policy};
use url::Url;

use crate::{Client, Error, Filter, Network, client::guarded, part::text};

/// Posts messages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Poster {
    filter: Arc<Filter>,
    http: reqwest::Client,
    answer_within: Duration,
}

/// What a receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, as sent.
    pub retry_after: Option<String>,
}

impl Poster {
    /// Sets the client up; receivers may be in `allow` besides what is public. Opens no connection.
    ///
    /// Looking up, connecting, sending and the head of the answer may take `answer_within` in all.
    pub fn new(allow: Vec<Network>, answer_within: Duration) -> Result<Self, Error> {
        let filter = Arc::new(Filter::new(allow));
        let http = guarded(&filter)
            .redirect(Policy::none())
            .timeout(answer_within)
            // Messages are rare, and a kept connection that the receiver has closed would cost one.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| Error::Setup(error.into()))?;
        Ok(Self { filter, http, answer_within })
    }

    /// Posts a body once and answers what the receiver says, whatever that is.
    pub async fn post(
        &self,
        url: &Url,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, Error> {
        self.filter.check(url)?;
        let mut request = self.http.post(url.clone()).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(|error| {
            if error.is_timeout() {
                return Error::NoAnswer { within: self.answer_within };
            }
            Client::failure(error, url, 0)
        })?;
        let retry_after = text(answer.headers(), &RETRY_AFTER);
        Ok(Answer { status: answer.status().as_u16(), retry_after })
    }
}
