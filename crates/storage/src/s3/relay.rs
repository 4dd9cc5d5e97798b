//! An object of the store as a program on this machine reads it: over http from the loopback
//! address, with bytes that were checked.
//!
//! ffmpeg takes a broken connection for the end of the file. Here nothing ends early: a range is
//! read again until it is whole, and when that cannot be done, the relay says so to whoever opened
//! it. Serves one object to whoever knows its path, one request per connection.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use super::read::{BLOCK_BYTES, Name, Version};
use crate::{Bytes, Error, Object};

/// Bytes of the first request after a seek, which often wants no more; it doubles from block to
/// block, up to [`BLOCK_BYTES`].
const FIRST_BLOCK_BYTES: u64 = 256 << 10;
/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest wait for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be accepted, as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The object that is served, in the version that was opened.
pub(super) struct Served {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) object: Object,
    pub(super) bytes: u64,
    pub(super) etag: Option<String>,
    pub(super) patience: Duration,
}

/// A running relay, ended when dropped.
pub(crate) struct Relay {
    url: Url,
    health: Arc<Health>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    pub(super) async fn start(served: Served) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let path = secret_path(&served.object)?;
        let url = format!("http://{}{path}", listener.local_addr()?);
        let url = url.parse().map_err(io::Error::other)?;
        let health = Arc::<Health>::default();
        let task = tokio::spawn(serve(listener, path, Arc::new(served), Arc::clone(&health)));
        Ok(Self { url, health, task })
    }

    /// Where the object is read. It is a secret.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns as soon as a part of the object was asked for that cannot be read.
    pub(crate) async fn broken(&self) -> Error {
        loop {
            if let Some(error) = self.health.lock().broken.take() {
                return error;
            }
            self.health.changed.notified().await;
        }
    }

    /// Why not all that was asked for could be read, if so.
    pub(crate) fn take_broken(&self) -> Option<Error> {
        self.health.lock().broken.take()
    }

    /// What went wrong last, when nothing has gone well since.
    pub(crate) fn take_trouble(&self) -> Option<Error> {
        self.health.lock().trouble.take()
    }
}

/// How the reading goes.
#[derive(Default)]
struct Health {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    broken: Option<Error>,
    trouble: Option<Error>,
}

impl Health {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaks(&self, error: Error) {
        self.lock().broken.get_or_insert(error);
        self.changed.notify_one();
    }
}

/// A path nobody guesses, with the object's extension, from which ffmpeg takes a hint.
fn secret_path(object: &Object) -> io::Result<String> {
    let mut random = [0; 16];
    SystemRandom::new().fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
    let secret = u128::from_le_bytes(random);
    let extension = object.key().rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    let plain = |text: &&str| text.len() <= 8 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let extension = extension.map(|(_, text)| text).filter(plain).unwrap_or("bin");
    Ok(format!("/{secret:032x}/source.{extension}"))
}

async fn serve(listener: TcpListener, path: String, served: Arc<Served>, health: Arc<Health>) {
    let path: Arc<str> = path.into();
    // Dropped with this task, the connections end too.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((client, _)) => {
                let (path, served) = (Arc::clone(&path), Arc::clone(&served));
                let health = Arc::clone(&health);
                connections.spawn(async move { answer(client, &path, &served, &health).await });
            }
            Err(error) => {
                tracing::warn!(%error, "the relay cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one request. A client that goes away is no error: that is how ffmpeg seeks.
async fn answer(mut client: TcpStream, path: &str, served: &Served, health: &Health) {
    let head = tokio::time::timeout(HEAD_TIMEOUT, read_head(&mut client)).await;
    let Ok(Ok(head)) = head else { return };
    let bytes = served.bytes;
    let (head, range) = match asked(&head, path, bytes) {
        Ok(Asked { method: Method::Get, range }) => (promise(&range, bytes), range),
        Ok(Asked { method: Method::Head, range }) => (promise(&range, bytes), 0..0),
        Err(status) => {
            let range = if status == 416 {
                format!("Content-Range: bytes */{bytes}\r\n")
            } else {
                String::new()
            };
            let head = format!(
                "HTTP/1.1 {status} No\r\n{range}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            (head, 0..0)
        }
    };
    if client.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    let (ready, mut blocks) = mpsc::channel(1);
    let read = async {
        let ready = ready;
        if let Err(error) = read(served, range, health, &ready).await {
            health.breaks(error);
            // Closing now, or dropping `ready`, would be an early end, which ffmpeg takes for that
            // of the file. Whoever opened the relay ends the program.
            std::future::pending::<()>().await;
        }
        Ok(())
    };
    let write = async {
        while let Some(block) = blocks.recv().await {
            let block: Bytes = block;
            client.write_all(&block).await?;
        }
        client.shutdown().await
    };
    let _: io::Result<((), ())> = tokio::try_join!(read, write);
}

/// Reads a range in growing blocks, one ahead of the one that is being written.
async fn read(
    served: &Served,
    range: Range<u64>,
    health: &Health,
    ready: &mpsc::Sender<Bytes>,
) -> Result<(), Error> {
    let version = Version {
        client: &served.client,
        bucket: &served.bucket,
        name: Name::Ours(&served.object),
        bytes: served.bytes,
        etag: served.etag.as_deref(),
        patience: served.patience,
    };
    let (mut at, mut size) = (range.start, FIRST_BLOCK_BYTES);
    while at < range.end {
        let end = range.end.min(at + size);
        let trouble = |error| health.lock().trouble = Some(error);
        let block = version.read(at..end, trouble).await?;
        health.lock().trouble = None;
        if ready.send(block).await.is_err() {
            return Ok(());
        }
        (at, size) = (end, (size * 2).min(BLOCK_BYTES));
    }
    Ok(())
}

async fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX || client.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    String::from_utf8(head).map_err(io::Error::other)
}

#[derive(Debug, PartialEq, Eq)]
enum Method {
    Get,
    Head,
}

#[derive(Debug, PartialEq, Eq)]
struct Asked {
    method: Method,
    range: Range<u64>,
}

/// Reads the head of a request; an error is the status to answer with.
fn asked(head: &str, path: &str, bytes: u64) -> Result<Asked, u16> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = match words.next() {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        _ => return Err(405),
    };
    if words.next() != Some(path) {
        return Err(404);
    }
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let range = headers.find(|(name, _)| name.eq_ignore_ascii_case("range"));
    let range = range.and_then(|(_, value)| value.trim().strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Ok(Asked { method, range: 0..bytes });
    };
    let first: u64 = first.parse().map_err(|_| 400_u16)?;
    let end = match last {
        "" => bytes,
        last => last.parse::<u64>().map_err(|_| 400_u16)?.saturating_add(1).min(bytes),
    };
    // Also what stands at the very end: nothing is left there.
    if first >= end { Err(416) } else { Ok(Asked { method, range: first..end }) }
}

/// The head of an answer. It is always of a range, so that ffmpeg knows that it may seek.
fn promise(range: &Range<u64>, bytes: u64) -> String {
    let length = range.end - range.start;
    let status = if bytes == 0 {
        "200 OK\r\n".to_owned()
    } else {
        let (first, last) = (range.start, range.end - 1);
        format!("206 Partial Content\r\nContent-Range: bytes {first}-{last}/{bytes}\r\n")
    };
    format!(
        "HTTP/1.1 {status}Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_read() {
        let get = |range: &str| asked(&format!("GET /s HTTP/1.1\r\n{range}\r\n\r\n"), "/s", 10);
        let of = |range| Ok(Asked { method: Method::Get, range });
        assert_eq!(get("Host: x"), of(0..10));
        assert_eq!(get("range: bytes=4-"), of(4..10));
        assert_eq!(get("Range: bytes=4-5"), of(4..6));
        assert_eq!(get("Range: bytes=4-99"), of(4..10));
        for unmet in ["bytes=10-", "bytes=5-4"] {
            assert_eq!(get(&format!("Range: {unmet}")), Err(416), "{unmet}");
        }
        assert_eq!(get("Range: bytes=-4"), Err(400));
        assert_eq!(asked("GET /t HTTP/1.1\r\n\r\n", "/s", 10), Err(404));
        assert_eq!(asked("PUT /s HTTP/1.1\r\n\r\n", "/s", 10), Err(405));
        let head = asked("HEAD /s HTTP/1.1\r\n\r\n", "/s", 10);
        assert_eq!(head, Ok(Asked { method: Method::Head, range: 0..10 }));
    }

    #[test]
    fn paths_are_secret_and_keep_the_extension() {
        let path =
            |key: &str| secret_path(&Object::new(crate::Bucket::Videos, key).unwrap()).unwrap();
        assert_ne!(path("a/b.mp4"), path("a/b.mp4"));
        assert!(path("a/b.MP4").ends_with("/source.MP4"));
        for odd in ["a.b/c", "a/b.", "a/b.m p", "a/b.m?p"] {
            let path = path(odd);
            assert!(path.ends_with("/source.bin") || path.ends_with("/source."), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn hostile_ranges_stay_within_the_object(
            bytes in prop_oneof![Just(0), Just(u64::MAX), 0..5000_u64],
            method in "GET|HEAD|POST|",
            range in r"bytes=[0-9]{0,21}-[0-9]{0,21}|bytes=-[0-9]{1,3}|[a-z=0-9, -]{0,20}",
        ) {
            let head = format!("{method} /secret HTTP/1.1\r\nRange: {range}\r\n\r\n");
            if let Ok(Asked { range, .. }) = asked(&head, "/secret", bytes) {
                prop_assert!(range.start <= range.end && range.end <= bytes);
                let _ = promise(&range, bytes);
            }
            prop_assert!(asked(&head, "/other", bytes).is_err());
        }
    }
}
