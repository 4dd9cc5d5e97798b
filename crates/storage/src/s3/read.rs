//! Reads parts of one version of an object, and believes no answer: what a server promises is
//! compared with what was asked for, what arrives with what was promised.
//!
//! A connection that breaks or falls silent is opened again behind the last byte that arrived, as
//! long as bytes keep arriving.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::bytes::BytesMut;

use super::failure::{absent, object_failed, status};
use super::{interrupted, length};
use crate::place::{Durability, Staged, blocking};
use crate::{BoxError, Bytes, Error, Object};

/// Bytes of one request: large enough that the requests' round trips cost little, small enough that
/// a server has answered long before it closes connections that are read slowly.
pub(super) const BLOCK_BYTES: u64 = 4 << 20;
/// Parts of the patience after which a silent connection is given up for another one.
const TRIES_IN_PATIENCE: u32 = 3;
/// Pause before the second request for the same bytes; it doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const OPERATION: &str = "read an object";

/// Whose object it is, which decides what its absence is called.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Ours(&'a Object),
    Given(&'a str),
}

/// One version of an object.
pub(super) struct Version<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) name: Name<'a>,
    /// Size of the whole object.
    pub(super) bytes: u64,
    /// The tag of the version, when the store gives one.
    pub(super) etag: Option<&'a str>,
    /// How long nothing may arrive before the store counts as unavailable.
    pub(super) patience: Duration,
}

impl Version<'_> {
    /// Reads `range`, whole or not at all. Every failure after which it tries again is given to
    /// `on_trouble`.
    pub(super) async fn read(
        &self,
        range: Range<u64>,
        on_trouble: impl FnMut(Error) + Send,
    ) -> Result<Bytes, Error> {
        self.read_counted(range, on_trouble, |_| {}).await
    }

    /// The same; `on_bytes` receives the number of bytes of the range read so far.
    async fn read_counted(
        &self,
        range: Range<u64>,
        mut on_trouble: impl FnMut(Error) + Send,
        mut on_bytes: impl FnMut(u64) + Send,
    ) -> Result<Bytes, Error> {
        let size = usize::try_from(range.end - range.start).unwrap_or_default();
        let mut got = BytesMut::with_capacity(size);
        let (mut moved, mut pause) = (Instant::now(), FIRST_PAUSE);
        while got.len() < size {
            let before = got.len();
            let start = range.start + before as u64;
            let Err(error) = self.attempt(start..range.end, &mut got, &mut on_bytes).await else {
                break;
            };
            if !error.is_transient() {
                return Err(error);
            }
            if got.len() > before {
                (moved, pause) = (Instant::now(), FIRST_PAUSE);
            }
            if moved.elapsed() + pause >= self.patience {
                return Err(error);
            }
            tracing::debug!(%error, start, "reading an object again");
            on_trouble(error);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(got.freeze())
    }

    /// Copies the object to `dest`, which appears whole or not at all; `on_bytes` hears how much has
    /// arrived.
    pub(super) async fn copy_to(
        &self,
        dest: &Path,
        mut on_bytes: impl FnMut(u64) + Send,
    ) -> Result<(), Error> {
        let local = |source| Error::local(dest, source);
        let place = dest.to_owned();
        let create = move || Staged::create(&place, Durability::Volatile);
        let (staged, file) = blocking(create).await.map_err(local)?;
        let mut file = tokio::fs::File::from_std(file.into_file());
        let mut done = 0;
        while done < self.bytes {
            let end = self.bytes.min(done + BLOCK_BYTES);
            let arrived = |bytes| on_bytes(done + bytes);
            let block = self.read_counted(done..end, |_| {}, arrived).await?;
            file.write_all(&block).await.map_err(local)?;
            done = end;
        }
        file.flush().await.map_err(local)?;
        let place = dest.to_owned();
        blocking(move || staged.publish(&place, Durability::Volatile)).await.map_err(local)
    }

    /// Asks once, and keeps what arrives, whether or not it is all of it.
    async fn attempt(
        &self,
        range: Range<u64>,
        got: &mut BytesMut,
        on_bytes: &mut (impl FnMut(u64) + Send),
    ) -> Result<(), Error> {
        let quiet = self.patience / TRIES_IN_PATIENCE;
        let silent = || unavailable(format!("nothing arrived for {} s", quiet.as_secs_f64()));
        let asked = self.client.get_object().bucket(self.bucket).key(self.key());
        let asked = asked.range(format!("bytes={}-{}", range.start, range.end - 1));
        let asked = asked.set_if_match(self.strong_etag().map(str::to_owned));
        let answer = timeout(quiet, asked.send()).await.map_err(|_| silent())?;
        let answer = answer.map_err(|error| match (status(&error), self.name) {
            (Some(412), _) => self.replaced(),
            // Of a range within the object: not what a sound store says.
            (Some(416), _) => unavailable("it knows no such range"),
            (_, Name::Ours(object)) => object_failed(object, OPERATION, error),
            (_, Name::Given(key)) => absent(key, OPERATION, error),
        })?;
        self.check(&answer, &range)?;
        let end = got.len() + usize::try_from(range.end - range.start).unwrap_or_default();
        let mut body = answer.body;
        while let Some(bytes) = timeout(quiet, body.next()).await.map_err(|_| silent())? {
            let bytes = bytes.map_err(|error| interrupted(error.into()))?;
            if got.len() + bytes.len() > end {
                return Err(unavailable("it sends more than was asked for"));
            }
            got.extend_from_slice(&bytes);
            on_bytes(got.len() as u64);
        }
        if got.len() < end { Err(unavailable("it sends less than it promised")) } else { Ok(()) }
    }

    /// Compares an answer's promise with the question.
    fn check(&self, answer: &GetObjectOutput, range: &Range<u64>) -> Result<(), Error> {
        if let (Some(known), Some(now)) = (self.etag, answer.e_tag())
            && opaque(known) != opaque(now)
        {
            return Err(self.replaced());
        }
        let whole = 0..self.bytes;
        match answer.content_range() {
            Some(text) => match parse_range(text) {
                Some((sent, total)) if sent == *range && total == Some(self.bytes) => {}
                Some((_, Some(total))) if total != self.bytes && self.etag.is_none() => {
                    return Err(self.replaced());
                }
                _ => return Err(unavailable(format!("it sends {text:?}, another range"))),
            },
            None if *range == whole => {}
            None => return Err(unavailable("it sends no range")),
        }
        if answer.content_length().is_some_and(|sent| length(Some(sent)) != range.end - range.start)
        {
            return Err(unavailable("it announces another length than was asked for"));
        }
        Ok(())
    }

    /// A weak tag never matches (RFC 9110, 13.1.1).
    fn strong_etag(&self) -> Option<&str> {
        self.etag.filter(|etag| !etag.starts_with("W/"))
    }

    fn key(&self) -> &str {
        match self.name {
            Name::Ours(object) => object.key(),
            Name::Given(key) => key,
        }
    }

    fn replaced(&self) -> Error {
        let what = match self.name {
            Name::Ours(object) => object.to_string(),
            Name::Given(key) => key.to_owned(),
        };
        Error::Replaced { what }
    }
}

/// Reads a small body to its end, which only its announced length tells from a broken connection.
pub(super) async fn collect(body: ByteStream, announced: Option<i64>) -> Result<Bytes, Error> {
    let bytes = body.collect().await.map_err(|error| interrupted(error.into()))?.into_bytes();
    if announced.is_none_or(|announced| length(Some(announced)) != bytes.len() as u64) {
        return Err(interrupted("it does not have the length that was announced".into()));
    }
    Ok(bytes)
}

/// A tag without what servers write differently from answer to answer.
fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

/// The range and the size in `bytes 5-9/10`; the size may be `*`.
fn parse_range(text: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((start.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?, total))
}

fn unavailable(text: impl Into<BoxError>) -> Error {
    Error::Unavailable { operation: OPERATION, source: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_or_refused() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5..10, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5..10, None)));
        for text in ["", "bytes */10", "bytes 5-/10", "items 5-9/10", "bytes 5-9/x"] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_is_the_same_with_and_without_quotes() {
        assert_eq!(opaque("W/\"abc\""), opaque("abc"));
        assert_ne!(opaque("\"abc\""), opaque("\"abd\""));
    }
}
