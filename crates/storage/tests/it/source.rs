//! An object of a real S3 server, read through a store that cuts, stalls, fails and lies: it arrives
//! whole, or its absence is an error that names what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fixtures::{Fault, FaultyProxy, S3Server};
use storage::{
    Error, External, ExternalConfig, Object, Permits, Readable, S3Config, Secret, Source, Store,
    Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::conformance::{content, object};
use crate::s3_server::{self, config};

/// More than the relay reads at once.
const BYTES: usize = 9 << 20;
const KEY: &str = "broken/film.mp4";

/// A store whose answers to reads of the object are spoiled: the first `spoiled` of them.
async fn spoiled(server: &S3Server, fault: Fault, spoiled: usize, patience_seconds: u64) -> Store {
    let asked = AtomicUsize::new(0);
    let proxy = FaultyProxy::start(server.address(), move |request| {
        let meant = request.gets("film.mp4") && asked.fetch_add(1, Ordering::Relaxed) < spoiled;
        meant.then(|| fault.clone())
    });
    let address = proxy.await.unwrap().address();
    Store::open_s3(&S3Config { patience_seconds, ..config(address) }).await.unwrap()
}

/// What a program gets that reads the object from `from` on.
async fn read(source: &Source, from: usize) -> std::io::Result<Vec<u8>> {
    let Readable::Url(url) = source.readable() else { panic!("not on S3") };
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).await?;
    let head = format!("GET {} HTTP/1.1\r\nRange: bytes={from}-\r\n\r\n", url.path());
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    Ok(answer.split_off(body))
}

async fn served(server: &S3Server) -> Vec<u8> {
    let bytes = content(BYTES);
    s3_server::store(server).await.put_bytes(&object(KEY), bytes.clone()).await.unwrap();
    bytes
}

fn faults() -> Vec<Fault> {
    let lie = |name, value: &str| Fault::Headers(vec![(name, value.to_owned())]);
    vec![
        Fault::Cut(0),
        Fault::Cut(100_000),
        Fault::Stall(100_000),
        Fault::Answer(500, ""),
        Fault::Answer(503, "<Error><Code>SlowDown</Code></Error>"),
        Fault::Answer(404, "<html>a machine in front of the store</html>"),
        Fault::Short(1),
        Fault::Endless,
        Fault::Whole,
        Fault::Range("bytes=7-262150"),
        lie("Content-Range", "bytes 0-99/100"),
        lie("Content-Length", "99"),
        lie("Content-Length", "99999999"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spoiled_now_and_then_arrives_whole() {
    let Some(server) = S3Server::start() else { return };
    let bytes = served(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let tries = faults().into_iter().enumerate().map(|(at, fault)| {
        let (server, bytes, folder) = (&server, &bytes, &folder);
        async move {
            let store = spoiled(server, fault.clone(), 2, 6).await;
            let source = store.open(&object(KEY), None).await.unwrap();
            let got = source.during(read(&source, 1)).await.unwrap().unwrap();
            assert!(got == bytes[1..], "{fault:?}: {} bytes", got.len());
            let store = spoiled(server, fault.clone(), 2, 6).await;
            let file = folder.path().join(at.to_string());
            store.get_file(&object(KEY), &file).await.unwrap();
            assert!(fs_err::read(&file).unwrap() == *bytes, "{fault:?}");
        }
    });
    futures::future::join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_spoiled_is_an_error_to_come_back_after() {
    let Some(server) = S3Server::start() else { return };
    served(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let tries = faults().into_iter().enumerate().map(|(at, fault)| {
        let (server, folder) = (&server, &folder);
        async move {
            // What makes headway at every try is no standstill.
            let fault = match fault {
                Fault::Cut(_) => Fault::Cut(0),
                Fault::Stall(_) => Fault::Stall(0),
                Fault::Short(_) => Fault::Short(BYTES),
                other => other,
            };
            let store = spoiled(server, fault.clone(), usize::MAX, 2).await;
            let source = store.open(&object(KEY), None).await.unwrap();
            let work = async {
                let got = read(&source, 1).await;
                // Nothing that ffmpeg could take for the end of the file.
                panic!("{fault:?}: it ended: {} bytes", got.map_or(0, |got| got.len()));
            };
            let error = source.during::<(), ()>(work).await.unwrap_err();
            assert!(error.is_transient(), "{fault:?}: {error:?}");
            let file = folder.path().join(at.to_string());
            let error = store.get_file(&object(KEY), &file).await.unwrap_err();
            assert!(error.is_transient() && !file.exists(), "{fault:?}: {error:?}");
        }
    });
    futures::future::join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_object_is_named() {
    let Some(server) = S3Server::start() else { return };
    let bytes = served(&server).await;
    let store = s3_server::store(&server).await;
    let meta = store.head(&object(KEY)).await.unwrap().unwrap();
    let seen = Version { bytes: meta.bytes, etag: meta.etag };
    let source = store.open(&object(KEY), Some(seen.clone())).await.unwrap();
    assert!(source.during(read(&source, 5)).await.unwrap().unwrap() == bytes[5..]);
    store.put_bytes(&object(KEY), vec![7; BYTES]).await.unwrap();
    let again = store.open(&object(KEY), Some(seen)).await.unwrap();
    for source in [source, again] {
        let error = source.during(read(&source, 5)).await.unwrap_err();
        assert!(matches!(error, Error::Replaced { .. }) && !error.is_transient(), "{error:?}");
    }
    store.delete(&object(KEY)).await.unwrap();
    let error = store.open(&object(KEY), None).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

/// Work that fails while nothing arrives fails because of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_trouble_is_blamed_for_what_fails_meanwhile() {
    let Some(server) = S3Server::start() else { return };
    served(&server).await;
    let asked = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&asked);
    let seen = AtomicUsize::new(0);
    let proxy = FaultyProxy::start(server.address(), move |request| {
        let first = request.gets("film.mp4").then(|| seen.fetch_add(1, Ordering::Relaxed) == 0)?;
        // The second request follows the failure of the first.
        if !first {
            told.notify_one();
        }
        Some(Fault::Cut(0))
    });
    let config = config(proxy.await.unwrap().address());
    let store = Store::open_s3(&config).await.unwrap();
    let source = store.open(&object(KEY), None).await.unwrap();
    let work = async {
        tokio::select! {
            _ = read(&source, 0) => panic!("there is nothing to read"),
            () = asked.notified() => Err::<(), _>("it stalled"),
        }
    };
    let error = source.during(work).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

/// A 404 that is not the store's own, and a store without the bucket, are not a missing object.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_store_says_what_is_missing() {
    let Some(server) = S3Server::start() else { return };
    served(&server).await;
    let page = "<html>nothing here</html>";
    let proxy = FaultyProxy::start(server.address(), move |request| {
        request.head.contains("film.mp4").then_some(Fault::Answer(404, page))
    });
    let address = proxy.await.unwrap().address();
    let store = Store::open_s3(&config(address)).await.unwrap();
    for error in [
        store.head(&object(KEY)).await.unwrap_err(),
        store.get_bytes(&object(KEY)).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    }
    let external = External::open(&external(&format!("http://{address}")), &anywhere()).unwrap();
    let error = external.head(KEY).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let elsewhere =
        S3Config { bucket_prefix: Some("nobodys-".to_owned()), ..config(server.address()) };
    let elsewhere = Store::open_s3(&elsewhere).await.unwrap();
    let error = elsewhere.head(&object(KEY)).await.unwrap_err();
    assert!(!matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_object_arrives_whole_too() {
    let Some(server) = S3Server::start() else { return };
    let bytes = served(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("given");
    for fault in faults() {
        let asked = AtomicUsize::new(0);
        let proxy = FaultyProxy::start(server.address(), move |request| {
            let meant = request.gets("film.mp4") && asked.fetch_add(1, Ordering::Relaxed) < 1;
            // A stall costs a third of a patience that is fixed here.
            meant.then(
                || if matches!(fault, Fault::Stall(_)) { Fault::Cut(9) } else { fault.clone() },
            )
        });
        let endpoint = format!("http://{}", proxy.await.unwrap().address());
        let external = External::open(&external(&endpoint), &anywhere()).unwrap();
        let mut heard = 0;
        let beat = |done| {
            assert!(done <= BYTES as u64, "more than there is: {done}");
            heard = done;
        };
        external.get_file(KEY, &file, u64::MAX, beat).await.unwrap();
        assert!(fs_err::read(&file).unwrap() == bytes && heard == BYTES as u64);
    }
}

/// Replaced between two requests of one copy: the copy is of neither version.
#[tokio::test(flavor = "multi_thread")]
async fn a_given_object_that_is_replaced_midway_is_named() {
    let Some(server) = S3Server::start() else { return };
    served(&server).await;
    let store = s3_server::store(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("given");
    let external = External::open(&external(&server.endpoint("127.0.0.1")), &anywhere()).unwrap();
    let object: Object = object(KEY);
    let mut replaced = false;
    let copy = external.get_file(KEY, &file, u64::MAX, |_| {
        if !std::mem::replace(&mut replaced, true) {
            let (store, object) = (store.clone(), object.clone());
            tokio::task::block_in_place(|| {
                let put = store.put_bytes(&object, vec![7; BYTES]);
                tokio::runtime::Handle::current().block_on(put).unwrap();
            });
        }
    });
    let error = copy.await.unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }) && !file.exists(), "{error:?}");
}

fn external(endpoint: &str) -> ExternalConfig {
    ExternalConfig {
        endpoint: endpoint.parse().unwrap(),
        region: "us-east-1".to_owned(),
        bucket: "acme-videos".to_owned(),
        access_key: "test".to_owned(),
        secret_key: Secret::new("test-secret"),
    }
}

fn anywhere() -> Permits {
    Permits(Arc::new(|_| true))
}
