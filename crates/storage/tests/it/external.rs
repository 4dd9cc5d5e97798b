//! A bucket of somebody else's: what is read and written there, and what may not be reached.

use std::net::IpAddr;
use std::sync::Arc;

use fixtures::S3Server;
use storage::{Error, External, ExternalConfig, Permits, Secret};
use url::Url;

use crate::conformance::content;
use crate::s3_server::{self, free_address};

fn config(endpoint: &str) -> ExternalConfig {
    ExternalConfig {
        endpoint: Url::parse(endpoint).unwrap(),
        region: "us-east-1".to_owned(),
        bucket: "acme-videos".to_owned(),
        access_key: "test".to_owned(),
        secret_key: Secret::new("test-secret"),
    }
}

fn everything() -> Permits {
    Permits(Arc::new(|_| true))
}

fn not_this_machine() -> Permits {
    Permits(Arc::new(|address: IpAddr| !address.is_loopback()))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_there_and_come_back() {
    let Some(server) = S3Server::start() else { return };
    let store = s3_server::store(&server).await;
    let external =
        External::open(&config(&format!("http://{}", server.address())), &everything()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (idx, len) in [0, 7, 40 * 1024 * 1024].into_iter().enumerate() {
        let (path, key) = (folder.path().join("local"), format!("creator/hls/{idx}/seg +ü.m4s"));
        fs_err::write(&path, content(len)).unwrap();
        assert_eq!(external.head(&key).await.unwrap(), None);
        external.put_file(&key, &path, "mark one").await.unwrap();
        let found = external.head(&key).await.unwrap();
        let mark = Some("mark one".to_owned());
        let found = found.unwrap();
        assert_eq!((found.bytes, found.mark), (len as u64, mark));
        let (back, mut arrived) = (folder.path().join("deep/back"), 0);
        external.get_file(&key, &back, len as u64, |bytes| arrived = bytes).await.unwrap();
        assert!(fs_err::read(&back).unwrap() == content(len), "{len} bytes");
        assert_eq!(arrived, len as u64);
        assert!(path.exists(), "the local file was consumed");
        if let Some(most) = (len as u64).checked_sub(1) {
            let more = folder.path().join("more");
            let refused = external.get_file(&key, &more, most, |_| {}).await;
            assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
            assert!(!more.exists());
        }
        external.delete(&key).await.unwrap();
        external.delete(&key).await.unwrap();
    }
    external.put_bytes("a/master.m3u8", "#EXTM3U", "two").await.unwrap();
    let ours = crate::conformance::object("a/master.m3u8");
    assert_eq!(store.get_bytes(&ours).await.unwrap(), "#EXTM3U", "not the bucket that was named");
    let gone = external.get_file("gone", &folder.path().join("gone"), 9, |_| {}).await;
    assert!(matches!(gone, Err(Error::Absent { .. })), "{gone:?}");
    assert!(!folder.path().join("gone").exists());
    let escaped = external.put_bytes("../other-bucket/a", "x", "m").await;
    assert!(matches!(escaped, Err(Error::InvalidKey { .. })), "{escaped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_reached_is_refused_as_written_and_by_name() {
    let Some(server) = S3Server::start() else { return };
    let port = server.address().port();
    for literal in ["127.0.0.1", "2130706433", "[::1]"] {
        let refused =
            External::open(&config(&format!("http://{literal}:{port}")), &not_this_machine());
        assert!(matches!(refused, Err(Error::Forbidden { .. })), "{literal}: {refused:?}");
    }
    let named = config(&format!("http://localhost:{port}"));
    let refused = External::open(&named, &not_this_machine()).unwrap().head("a").await;
    let Err(error @ Error::Forbidden { .. }) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("localhost") && !error.is_transient(), "{error}");
    // The same name is reached where it may be.
    s3_server::store(&server).await;
    assert_eq!(External::open(&named, &everything()).unwrap().head("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_store_that_does_not_answer_may_answer_later() {
    let nobody = config(&format!("http://{}", free_address()));
    let error = External::open(&nobody, &everything()).unwrap().head("a").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }) && error.is_transient(), "{error:?}");
}

#[test]
fn addresses_that_are_more_than_a_store_are_refused() {
    for endpoint in [
        "ftp://h",
        "http://me:pass@h",
        "http://h/bucket",
        "http://h/?x=1",
        "http://h/#x",
        "data:,x",
    ] {
        let refused = config(endpoint).validate();
        assert!(matches!(refused, Err(Error::InvalidConfig { .. })), "{endpoint}: {refused:?}");
    }
    for bucket in ["", "ab", "a/b", "a?b", "..b", &"x".repeat(64)] {
        let refused =
            ExternalConfig { bucket: bucket.to_owned(), ..config("https://h") }.validate();
        assert!(matches!(refused, Err(Error::InvalidConfig { .. })), "{bucket}: {refused:?}");
    }
    assert!(config("https://s3.example.com:8443/").validate().is_ok());
    assert!(!format!("{:?}", config("https://h")).contains("test-secret"));
}
