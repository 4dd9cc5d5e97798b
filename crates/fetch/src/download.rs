//! Fetches one file over http(s), continuing what an earlier call left.
//!
//! Bytes are kept as sent and counted; a range is continued only while the server vouches that it is
//! of the same version. Retrying is the caller's.

use std::path::Path;

use reqwest::{
    Response, StatusCode,
    header::{
        ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, IF_RANGE, LOCATION,
        RANGE,
    },
};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    Client, Downloaded, Error, Progress, Refusal,
    pace::Judge,
    part::{Note, Part, text},
};

/// What a server's answer means for the file on disk.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The body is the whole source.
    Whole(Promise),
    /// The body continues what is on disk.
    Rest(Promise),
    /// Nothing is missing.
    Complete,
    /// What is on disk and what the server has do not fit.
    Stale,
}

/// What a server says of the size, as far as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Promise {
    /// Size of the source.
    total: Option<u64>,
    /// Where in the source the body ends.
    end: Option<u64>,
}

impl Client {
    /// Downloads `url` into the file `dest`, replacing it; its folder exists.
    ///
    /// What has arrived is kept in `{dest}.part`, with a note of its version in `{dest}.part.json`:
    /// run again after an error, after being dropped midway or after a crash, it asks for the rest
    /// only. Two calls at once for the same `dest` are not supported. `on_progress` is called for
    /// every piece that arrives, so it must be quick.
    pub async fn download(
        &self,
        url: &Url,
        dest: &Path,
        mut on_progress: impl FnMut(Progress) + Send,
    ) -> Result<Downloaded, Error> {
        self.filter.check(url)?;
        let mut part = Part::open(dest, url).await?;
        // The second request is for a source that changed since the first part of it arrived.
        for _ in 0..2 {
            let response = self.request(url, &part).await?;
            match judge(response.status(), response.headers(), part.done, part.note.as_ref())? {
                Verdict::Stale => part.clear().await?,
                Verdict::Complete => return finish(part).await,
                Verdict::Rest(promise) => {
                    return self.receive(response, part, promise, &mut on_progress).await;
                }
                Verdict::Whole(promise) => {
                    self.check_size(promise.total)?;
                    let (from, headers) = (response.url(), response.headers());
                    part.begin(Note::new(url, from, headers, promise.total)).await?;
                    return self.receive(response, part, promise, &mut on_progress).await;
                }
            }
        }
        part.discard().await?;
        Err(Error::Changed)
    }

    async fn request(&self, url: &Url, part: &Part) -> Result<Response, Error> {
        let mut request = self.http.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        let validator = part.note.as_ref().and_then(Note::validator);
        if let Some(validator) = validator.and_then(|text| HeaderValue::from_str(text).ok()) {
            request = request.header(RANGE, format!("bytes={}-", part.done));
            request = request.header(IF_RANGE, validator);
        }
        let response =
            request.send().await.map_err(|error| Self::failure(error, url, part.done))?;
        // A redirect that is none of http is not followed, and not shown to the redirect policy.
        if let Some(location) = text(response.headers(), &LOCATION)
            && response.status().is_redirection()
            && let Ok(target) = response.url().join(&location)
        {
            self.filter.check(&target)?;
        }
        Ok(response)
    }

    async fn receive(
        &self,
        mut response: Response,
        mut part: Part,
        promise: Promise,
        on_progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Downloaded, Error> {
        let Promise { total, end } = promise;
        on_progress(Progress { done: part.done, total });
        let mut judge = Judge::new(self.pace(), part.done, Instant::now());
        loop {
            if let Err(slow) = judge.take(part.done, Instant::now()) {
                part.flush().await?;
                return Err(slow);
            }
            let piece = match timeout_at(judge.due(), response.chunk()).await {
                Err(_) => continue,
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    part.flush().await?;
                    return Err(Self::failure(error, response.url(), part.done));
                }
            };
            let done = part.done + piece.len() as u64;
            if let Err(error) = self.check_size(Some(done)) {
                part.discard().await?;
                return Err(error);
            }
            if end.is_some_and(|end| done > end) {
                return mismatch(part, end, done).await;
            }
            part.append(&piece).await?;
            on_progress(Progress { done, total });
        }
        let done = part.done;
        if end.is_some_and(|end| done != end) {
            return mismatch(part, end, done).await;
        }
        if total.is_some_and(|total| done < total) {
            part.flush().await?;
            let source = "the server sent less of the source than it was asked for".into();
            return Err(Error::Interrupted { done, source });
        }
        finish(part).await
    }

    fn check_size(&self, bytes: Option<u64>) -> Result<(), Error> {
        let limit = self.config.max_bytes;
        if bytes.is_some_and(|bytes| bytes > limit) {
            Err(Error::TooLarge { limit })
        } else {
            Ok(())
        }
    }
}

async fn mismatch(part: Part, end: Option<u64>, got: u64) -> Result<Downloaded, Error> {
    part.discard().await?;
    Err(Error::SizeMismatch { expected: end.unwrap_or(got), got })
}

async fn finish(mut part: Part) -> Result<Downloaded, Error> {
    let note = part.note.take().expect("only what began with a note is ever finished");
    part.finish(note).await
}

/// Judges an answer, with `done` bytes on disk of the version in `note`; without a note no range was
/// asked for.
fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    done: u64,
    note: Option<&Note>,
) -> Result<Verdict, Error> {
    match status.as_u16() {
        200 | 203 => {
            let total = text(headers, &CONTENT_LENGTH).and_then(|text| text.trim().parse().ok());
            Ok(Verdict::Whole(Promise { total, end: total }))
        }
        206 => Ok(judge_rest(headers, done, note)),
        416 => {
            let total = text(headers, &CONTENT_RANGE).and_then(|range| {
                range.strip_prefix("bytes */").and_then(|size| size.parse().ok())
            });
            let complete =
                total == Some(done) && note.is_some_and(|note| note.fits(headers, total));
            Ok(if complete { Verdict::Complete } else { Verdict::Stale })
        }
        status @ (401 | 403 | 407 | 451) => Err(Refusal::Status { status }.into()),
        status @ (404 | 410) => Err(Error::NotFound { status }),
        status => Err(Error::Http { status }),
    }
}

fn judge_rest(headers: &HeaderMap, done: u64, note: Option<&Note>) -> Verdict {
    let range = text(headers, &CONTENT_RANGE).and_then(|range| parse_range(&range));
    let (Some(note), Some((start, last, total))) = (note, range) else { return Verdict::Stale };
    if start != done || !note.fits(headers, total) {
        return Verdict::Stale;
    }
    Verdict::Rest(Promise { total: total.or(note.total), end: Some(last + 1) })
}

/// The first byte, the last byte and the size in `bytes 5-9/10`; the size may be `*`.
fn parse_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let (start, last) = (start.parse().ok()?, last.parse().ok()?);
    (start <= last && last < total.unwrap_or(u64::MAX)).then_some((start, last, total))
}
