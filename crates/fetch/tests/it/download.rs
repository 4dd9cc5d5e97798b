//! Whole, broken, changed, lying and refusing servers.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use fetch::{Client, Config, Downloaded, Error, Progress, Refusal};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    ALLOWED, client, config,
    server::{Reply, Request, Server},
};

struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn dest(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs_err::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    async fn fetch(&self, client: &Client, server: &Server) -> Result<Downloaded, Error> {
        client.download(&server.url("/clip.mp4?key=secret"), &self.dest(), |_| ()).await
    }

    /// Fetches, and checks that the file and nothing else is there.
    async fn fetch_all(&self, client: &Client, server: &Server, body: &[u8]) -> Downloaded {
        let downloaded = self.fetch(client, server).await.unwrap();
        assert!(fs_err::read(self.dest()).unwrap() == body, "other bytes than were served");
        assert_eq!(downloaded.bytes, body.len() as u64);
        assert_eq!(self.names(), ["source"]);
        downloaded
    }
}

/// No two places of it look alike.
fn body(bytes: u32, version: u32) -> Vec<u8> {
    (0..bytes / 4).flat_map(|word| (word ^ version << 24).to_be_bytes()).collect()
}

/// Answers as a good server does: with the rest, if the version is the one that was asked for.
fn good(request: &Request, body: &[u8], etag: &str) -> Reply {
    let start = request.start().filter(|_| request.header("if-range") == Some(etag));
    match start {
        None => whole(body, etag),
        Some(start) if start == body.len() => {
            let range = format!("bytes */{}", body.len());
            Reply::new("416 Range Not Satisfiable", &[("Content-Range", &range)], b"")
        }
        Some(start) => rest(&body[start..], start, body.len(), etag),
    }
}

fn whole(body: &[u8], etag: &str) -> Reply {
    let length = body.len().to_string();
    let headers =
        [("Content-Length", length.as_str()), ("ETag", etag), ("Content-Type", "video/mp4")];
    Reply::new("200 OK", &headers, body)
}

fn rest(part: &[u8], start: usize, total: usize, etag: &str) -> Reply {
    let range = format!("bytes {start}-{}/{total}", start + part.len() - 1);
    let length = part.len().to_string();
    let headers = [("Content-Length", length.as_str()), ("Content-Range", &range), ("ETag", etag)];
    Reply::new("206 Partial Content", &headers, part)
}

/// Announces all of `body` and breaks off after `sent` bytes.
fn cut(body: &[u8], sent: usize, etag: &str) -> Reply {
    let length = body.len().to_string();
    Reply::new("200 OK", &[("Content-Length", &length), ("ETag", etag)], &body[..sent])
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(1000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// A server that gives `first` to the first request and `later` to all that follow.
async fn then(
    first: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    later: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Server {
    let count = AtomicUsize::new(0);
    let respond = move |request: &Request| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 { first(request) } else { later(request) }
    };
    Server::start(ALLOWED, respond).await
}

/// A download that broke after 5,000 of 100,000 bytes of version `"1"`, and continues at `later`.
async fn broken(
    folder: &Folder,
    later: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Server {
    let server = then(|_| cut(&body(100_000, 1), 5_000, "\"1\""), later).await;
    let error = folder.fetch(&client(), &server).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 5_000, .. }), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(folder.names(), ["source.part", "source.part.json"]);
    server
}

#[tokio::test]
async fn a_file_arrives_whole_and_is_described() {
    let (folder, body) = (Folder::new(), body(1_000_000, 1));
    let original = body.clone();
    let server = Server::start(ALLOWED, move |request| good(request, &original, "\"1\"")).await;
    let mut seen = Vec::new();
    let url = server.url("/a/b%20c.mp4?key=secret");
    let got =
        client().download(&url, &folder.dest(), |progress| seen.push(progress)).await.unwrap();
    assert!(fs_err::read(folder.dest()).unwrap() == body);
    let expected = Downloaded {
        path: folder.dest(),
        bytes: 1_000_000,
        etag: Some("\"1\"".into()),
        content_type: Some("video/mp4".into()),
        file_name: Some("b c.mp4".into()),
        final_url: url,
    };
    assert_eq!(got, expected);
    assert_eq!(folder.names(), ["source"]);
    assert!(seen.len() > 2 && seen.is_sorted_by_key(|progress| progress.done));
    assert_eq!(*seen.last().unwrap(), Progress { done: 1_000_000, total: Some(1_000_000) });
    let request = &server.requests()[0];
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!((request.start(), request.header("referer")), (None, None));
}

#[tokio::test]
async fn a_broken_download_continues_where_it_broke() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = body.clone();
    let server = broken(&folder, move |request| good(request, &original, "\"1\"")).await;
    let downloaded = folder.fetch_all(&client(), &server, &body).await;
    assert_eq!(downloaded.content_type, None, "told by the first answer only");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].start(), Some(5_000));
    assert_eq!(requests[1].header("if-range"), Some("\"1\""));
}

#[tokio::test]
async fn a_dropped_download_continues() {
    let (folder, body) = (Folder::new(), body(2_000_000, 1));
    let (original, later) = (body.clone(), body.clone());
    let server = then(
        move |_| cut(&original, 1_500_000, "\"1\"").stalling(),
        move |request| good(request, &later, "\"1\""),
    )
    .await;
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let (client, url, dest) = (client(), server.url("/clip.mp4?key=secret"), folder.dest());
    let download = client.download(&url, &dest, |progress| arrived.send(progress.done).unwrap());
    let enough = async { while arrivals.recv().await.unwrap() < 1_500_000 {} };
    tokio::select! {
        ended = download => panic!("{ended:?}"),
        () = enough => {}
    }
    folder.fetch_all(&client, &server, &body).await;
    assert!(server.requests()[1].start().is_some_and(|start| start > 500_000));
}

#[tokio::test]
async fn without_a_strong_validator_nothing_is_continued() {
    for headers in [&[][..], &[("ETag", "W/\"1\"")]] {
        let (folder, body) = (Folder::new(), body(100_000, 1));
        let (original, later) = (body.clone(), body.clone());
        let server = then(
            move |_| {
                let headers = [&[("Content-Length", "100000")], headers].concat();
                Reply::new("200 OK", &headers, &original[..5_000])
            },
            move |_| whole(&later, "\"1\""),
        )
        .await;
        folder.fetch(&client(), &server).await.unwrap_err();
        folder.fetch_all(&client(), &server, &body).await;
        assert_eq!(server.requests()[1].start(), None);
    }
}

#[tokio::test]
async fn the_time_of_change_vouches_when_there_is_no_tag() {
    const TIME: &str = "Fri, 21 Nov 2025 07:28:00 GMT";
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let (original, later) = (body.clone(), body.clone());
    let first = [("Content-Length", "100000"), ("Last-Modified", TIME)];
    let server = then(
        move |_| Reply::new("200 OK", &first, &original[..5_000]),
        move |request| rest(&later[request.start().unwrap()..], 5_000, later.len(), "\"new\""),
    )
    .await;
    folder.fetch(&client(), &server).await.unwrap_err();
    folder.fetch_all(&client(), &server, &body).await;
    assert_eq!(server.requests()[1].header("if-range"), Some(TIME));
}

#[tokio::test]
async fn a_changed_source_starts_over() {
    let (folder, body) = (Folder::new(), body(50_000, 2));
    let original = body.clone();
    let server = broken(&folder, move |request| good(request, &original, "\"2\"")).await;
    let downloaded = folder.fetch_all(&client(), &server, &body).await;
    assert_eq!(downloaded.etag.as_deref(), Some("\"2\""));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_rest_of_another_version_is_not_taken() {
    // The servers send a rest without looking at If-Range: with another tag, another size, or from
    // another place.
    let answers: [fn(&[u8], usize) -> Reply; 3] = [
        |body, start| rest(&body[start..], start, body.len(), "\"2\""),
        |body, start| rest(&body[start..50_000], start, 50_000, "\"1\""),
        |body, start| rest(&body[start + 4..], start + 4, body.len(), "\"1\""),
    ];
    for answer in answers {
        let (folder, body) = (Folder::new(), body(100_000, 2));
        let original = body.clone();
        let server = broken(&folder, move |request| match request.start() {
            Some(start) => answer(&original, start),
            None => whole(&original, "\"2\""),
        })
        .await;
        folder.fetch_all(&client(), &server, &body).await;
        let starts: Vec<_> = server.requests().iter().map(Request::start).collect();
        assert_eq!(starts, [None, Some(5_000), None]);
    }
}

#[tokio::test]
async fn a_source_that_never_stays_the_same_is_given_up() {
    let folder = Folder::new();
    let server = broken(&folder, |_| rest(b"rest", 7, 11, "\"3\"")).await;
    let error = folder.fetch(&client(), &server).await.unwrap_err();
    assert!(matches!(error, Error::Changed), "{error:?}");
    assert!(folder.names().is_empty());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_sends_all_again() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = body.clone();
    let server = broken(&folder, move |_| whole(&original, "\"1\"")).await;
    folder.fetch_all(&client(), &server, &body).await;
    assert_eq!(server.requests()[1].start(), Some(5_000));
}

#[tokio::test]
async fn what_is_complete_already_is_only_finished() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = body.clone();
    let server = broken(&folder, move |request| good(request, &original, "\"1\"")).await;
    fs_err::write(folder.dir.path().join("source.part"), &body).unwrap();
    folder.fetch_all(&client(), &server, &body).await;
    assert_eq!(server.requests()[1].start(), Some(100_000));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_is_longer_than_the_source_starts_over() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = body.clone();
    let server = broken(&folder, move |request| match request.start() {
        Some(_) => {
            Reply::new("416 Range Not Satisfiable", &[("Content-Range", "bytes */100000")], b"")
        }
        None => whole(&original, "\"1\""),
    })
    .await;
    fs_err::write(folder.dir.path().join("source.part"), vec![0; 100_001]).unwrap();
    folder.fetch_all(&client(), &server, &body).await;
    assert_eq!(server.requests().len(), 3);
}

/// What was not flushed when the power went may be zeros of the right length.
#[tokio::test]
async fn what_an_earlier_start_of_the_machine_left_is_not_continued() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = body.clone();
    let server = broken(&folder, move |request| good(request, &original, "\"1\"")).await;
    let (part, note) = ("source.part", "source.part.json");
    let (part, note) = (folder.dir.path().join(part), folder.dir.path().join(note));
    let mut json: serde_json::Value =
        serde_json::from_slice(&fs_err::read(&note).unwrap()).unwrap();
    assert!(json["boot"].is_string() || cfg!(not(target_os = "linux")));
    json["boot"] = "another".into();
    fs_err::write(&note, json.to_string()).unwrap();
    let lost = vec![0; fs_err::read(&part).unwrap().len()];
    fs_err::write(&part, lost).unwrap();
    folder.fetch_all(&client(), &server, &body).await;
}

#[tokio::test]
async fn another_address_continues_nothing() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = body.clone();
    let server = broken(&folder, move |request| good(request, &original, "\"1\"")).await;
    client().download(&server.url("/other.mp4"), &folder.dest(), |_| ()).await.unwrap();
    assert_eq!(server.requests()[1].start(), None);
    assert!(fs_err::read(folder.dest()).unwrap() == body);
}

#[tokio::test]
async fn a_part_of_what_is_missing_is_kept() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = body.clone();
    let server = broken(&folder, move |request| {
        let start = request.start().unwrap();
        let end = (start + 50_000).min(100_000);
        rest(&original[start..end], start, 100_000, "\"1\"")
    })
    .await;
    let error = folder.fetch(&client(), &server).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 55_000, .. }), "{error:?}");
    folder.fetch_all(&client(), &server, &body).await;
}

#[tokio::test]
async fn a_rest_of_another_length_than_announced_is_thrown_away() {
    for sent in [90_000, 96_000] {
        let folder = Folder::new();
        let server = broken(&folder, move |_| {
            let headers =
                [("Content-Range", "bytes 5000-99999/100000"), ("Transfer-Encoding", "chunked")];
            Reply::new("206 Partial Content", &headers, &chunked(&vec![0; sent]))
        })
        .await;
        let error = folder.fetch(&client(), &server).await.unwrap_err();
        assert!(
            matches!(error, Error::SizeMismatch { expected: 100_000, got } if got != 100_000),
            "{error:?}"
        );
        assert!(folder.names().is_empty());
    }
}

#[tokio::test]
async fn a_body_without_a_length_arrives() {
    let (folder, body) = (Folder::new(), body(100_000, 1));
    let original = chunked(&body);
    let reply =
        move |_: &Request| Reply::new("200 OK", &[("Transfer-Encoding", "chunked")], &original);
    let server = Server::start(ALLOWED, reply).await;
    folder.fetch_all(&client(), &server, &body).await;
}

#[tokio::test]
async fn packed_bytes_stay_packed() {
    let folder = Folder::new();
    let body = b"\x1f\x8b\x08 not even gzip";
    let headers = [("Content-Encoding", "gzip"), ("Content-Length", "17")];
    let server = Server::start(ALLOWED, move |_| Reply::new("200 OK", &headers, body)).await;
    folder.fetch_all(&client(), &server, body).await;
}

#[tokio::test]
async fn no_more_than_the_limit_is_taken() {
    let client = Client::new(Config { max_bytes: 10_000, ..config() }).unwrap();
    let announced = || whole(&body(10_004, 1), "\"1\"");
    let unannounced =
        || Reply::new("200 OK", &[("Transfer-Encoding", "chunked")], &chunked(&body(10_004, 1)));
    let replies: [fn() -> Reply; 2] = [announced, unannounced];
    for reply in replies {
        let folder = Folder::new();
        let server = Server::start(ALLOWED, move |_| reply()).await;
        let error = folder.fetch(&client, &server).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 10_000 }), "{error:?}");
        assert!(!error.is_transient());
        assert!(!folder.names().contains(&"source".to_owned()));
    }
    let server = Server::start(ALLOWED, |_| whole(&body(10_000, 1), "\"1\"")).await;
    Folder::new().fetch_all(&client, &server, &body(10_000, 1)).await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let client = Client::new(Config { read_timeout: Duration::from_secs(1), ..config() }).unwrap();
    let folder = Folder::new();
    let server =
        Server::start(ALLOWED, |_| cut(&body(100_000, 1), 5_000, "\"1\"").stalling()).await;
    let error = folder.fetch(&client, &server).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 5_000, .. }), "{error:?}");
    let silent = Server::start(ALLOWED, |_| Reply::new("", &[], b"").stalling()).await;
    let error = Folder::new().fetch(&client, &silent).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { done: 0, .. }), "{error:?}");
}

#[tokio::test]
async fn a_status_tells_whether_to_come_back() {
    #[track_caller]
    fn check(status: u16, error: &Error) {
        let is_right = match status {
            401 | 403 | 407 | 451 => {
                matches!(error, Error::Forbidden { reason: Refusal::Status { status: s } } if *s == status)
            }
            404 | 410 => matches!(error, Error::NotFound { status: s } if *s == status),
            _ => matches!(error, Error::Http { status: s } if *s == status),
        };
        assert!(is_right, "{status}: {error:?}");
        let is_transient = matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504);
        assert_eq!(error.is_transient(), is_transient, "{status}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    let statuses =
        [204, 304, 400, 401, 403, 404, 407, 408, 410, 416, 418, 425, 429, 451, 500, 502, 503, 504];
    for status in statuses {
        let folder = Folder::new();
        let reply =
            move |_: &Request| Reply::new(&format!("{status} X"), &[("Content-Length", "0")], b"");
        let server = Server::start(ALLOWED, reply).await;
        match folder.fetch(&client(), &server).await.unwrap_err() {
            // No range was asked for, so the answer makes no sense, whatever is tried.
            Error::Changed if status == 416 => {}
            error => check(status, &error),
        }
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_from_one_that_does_not_answer() {
    let folder = Folder::new();
    let nowhere = "http://does-not-exist.invalid/a?key=secret".parse().unwrap();
    let error = client().download(&nowhere, &folder.dest(), |_| ()).await.unwrap_err();
    // A machine without a name server cannot know.
    match &error {
        Error::NoSuchHost { host } | Error::Unreachable { host, .. } => {
            assert_eq!(host, "does-not-exist.invalid");
        }
        _ => panic!("{error:?}"),
    }
    let server = Server::start(ALLOWED, |_| whole(b"", "\"1\"")).await;
    let closed = tokio::net::TcpListener::bind((ALLOWED, 0)).await.unwrap();
    let mut url = server.url("/a?key=secret");
    url.set_port(Some(closed.local_addr().unwrap().port())).unwrap();
    drop(closed);
    let error = client().download(&url, &folder.dest(), |_| ()).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { host, .. } if host == "127.0.0.1"), "{error:?}");
    assert!(error.is_transient() && !format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_source_that_drips_is_given_up_and_goes_on_where_it_was() {
    let body = body(40_000, 1);
    let length = body.len().to_string();
    let start = body[..20_000].to_vec();
    let server = Server::start(ALLOWED, move |request| {
        let headers = [("Content-Length", length.as_str()), ("ETag", "\"one\"")];
        match request.start() {
            None => Reply::new("200 OK", &headers, &start).dripping(),
            Some(_) => good(request, &body, "\"one\""),
        }
    })
    .await;
    let window = Duration::from_millis(500);
    let slow = Config { least_rate: 1000, rate_window: window, ..config() };
    let client = Client::new(slow).unwrap();
    let folder = Folder::new();
    let error = folder.fetch(&client, &server).await.unwrap_err();
    assert!(matches!(error, Error::TooSlow { least: 1000, got: 0..500, .. }), "{error}");
    assert!(error.is_transient() && error.to_string().contains("--source-rate-min"), "{error}");
    folder.fetch(&client, &server).await.unwrap();
    // The first window held the start; no window after the second was waited for. The drops that fell
    // are its measure: it goes on behind them.
    let drops = server.requests().last().unwrap().start().unwrap() - 20_000;
    assert!(drops < 125, "{drops} drops in two windows of at most 25");
}

#[tokio::test]
async fn a_source_that_is_slow_but_fast_enough_arrives() {
    let server = Server::start(ALLOWED, |_| {
        Reply::new("200 OK", &[("Content-Length", "75")], b"").dripping()
    })
    .await;
    // Fifty times the least rate, in case that a busy machine lets nothing drip for most of a window.
    let config = Config { least_rate: 1, rate_window: Duration::from_secs(1), ..config() };
    let folder = Folder::new();
    let got = folder.fetch(&Client::new(config).unwrap(), &server).await.unwrap();
    assert_eq!(got.bytes, 75);
}
