//! What only the store on S3 can show: uploads in parts, types, addresses, failures.

use std::path::PathBuf;

use fixtures::S3Server;
use storage::{Bucket, Created, Error, Object, Readable, S3Config, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::conformance::{self, content, keys, object};
use crate::gate::{Gate, Rule};
use crate::s3_server::{self, config, free_address};

const BUCKET: &str = "acme-videos";

/// Looks at the server past the store, with the plain client.
fn client(server: &S3Server) -> aws_sdk_s3::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let credentials = aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", server.address()))
        .force_path_style(true)
        .http_client(http)
        .credentials_provider(credentials);
    aws_sdk_s3::Client::from_conf(config.build())
}

async fn n_uploads(client: &aws_sdk_s3::Client) -> usize {
    client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap().uploads().len()
}

fn large_file(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("large.mp4");
    fs_err::write(&path, content(40 * 1024 * 1024)).unwrap();
    path
}

/// The whole answer to a plain GET, head and body.
async fn get(url: &Url, range: &str) -> String {
    send(url, "GET", &format!("Range: {range}\r\n"), "").await
}

/// The whole answer to a plain request, head and body.
async fn send(url: &Url, method: &str, headers: &str, body: &str) -> String {
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut connection = TcpStream::connect(address).await.unwrap();
    let target = &url[url::Position::BeforePath..];
    let (host, port) = address;
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}Connection: close\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let Some(server) = S3Server::start() else { return };
    let store = s3_server::store(&server).await;
    conformance::run(&store).await;
    assert_eq!(n_uploads(&client(&server)).await, 0);
}

/// One server for all of these, because starting one takes longer than all of them.
#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_only_s3_can_show() {
    let Some(server) = S3Server::start() else { return };
    let store = s3_server::store(&server).await;
    types_are_set(&server, &store).await;
    an_address_answers_ranges(&store).await;
    an_address_takes_a_file(&server, &store).await;
    long_listings_are_followed_to_their_end(&store).await;
    stray_uploads_go_with_their_prefix(&server, &store).await;
    a_dropped_upload_is_aborted(&server).await;
    a_refused_upload_is_aborted(&server).await;
    failures_are_named(&server).await;
    conflicts_are_settled_by_looking(&server, &store).await;
}

async fn types_are_set(server: &S3Server, store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs_err::write(&small, "x").unwrap();
    store.put_bytes(&object("types/master.m3u8"), "#EXTM3U").await.unwrap();
    store.create_bytes(&object("types/a.json"), "{}").await.unwrap();
    store.put_file(&object("types/seg-1.m4s"), &small).await.unwrap();
    store.put_file(&object("types/large.mp4"), &large_file(&folder)).await.unwrap();
    // As an earlier version stored them: without a lifetime.
    for key in ["types/old.m4s", "types/old.m3u8"] {
        let old = client(server).put_object().bucket(BUCKET).key(key).body(b"x".to_vec().into());
        old.send().await.unwrap();
    }
    for (from, to) in [
        ("types/old.m4s", "types/copy.m4s"),
        ("types/old.m3u8", "types/copy.m3u8"),
        ("types/large.mp4", "types/copy.mp4"),
    ] {
        store.copy(&object(from), &object(to)).await.unwrap();
    }
    let (shortly, for_ever) = ("public, max-age=10", "public, max-age=31536000, immutable");
    for (key, expected, lifetime) in [
        ("types/master.m3u8", "application/vnd.apple.mpegurl", shortly),
        ("types/a.json", "application/json", shortly),
        ("types/seg-1.m4s", "video/iso.segment", for_ever),
        ("types/large.mp4", "video/mp4", shortly),
        ("types/copy.m4s", "video/iso.segment", for_ever),
        ("types/copy.m3u8", "application/vnd.apple.mpegurl", shortly),
        ("types/copy.mp4", "video/mp4", shortly),
    ] {
        let head = client(server).head_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(head.content_type(), Some(expected), "{key}");
        assert_eq!(head.cache_control(), Some(lifetime), "{key}");
    }
}

async fn an_address_answers_ranges(store: &Store) {
    let object = object("address/with space +100% ü.mp4");
    store.put_bytes(&object, "0123456789").await.unwrap();
    let source = store.open(&object, None).await.unwrap();
    let Readable::Url(url) = source.readable() else { panic!("not a URL") };
    assert_eq!((url.scheme(), url.host_str()), ("http", Some("127.0.0.1")));
    let shown = format!("{:?} {source:?}", source.readable());
    assert!(shown.contains("address") && !shown.contains(url.path()), "{shown}");
    let answer = get(url, "bytes=3-5").await;
    assert!(answer.starts_with("HTTP/1.1 206"), "{answer}");
    assert!(answer.contains("Content-Range: bytes 3-5/10\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n345"), "{answer}");
    let mut other = url.clone();
    other.set_path("/source.mp4");
    assert!(get(&other, "bytes=3-5").await.starts_with("HTTP/1.1 404"));
    assert!(store.folder_root().is_none() && store.local_path(&object).is_none());
    let closed = (url.host_str().unwrap().to_owned(), url.port().unwrap());
    drop(source);
    // The task that listens ends as soon as it is scheduled.
    while TcpStream::connect((closed.0.as_str(), closed.1)).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

async fn an_address_takes_a_file(server: &S3Server, store: &Store) {
    let object = storage::layout::upload("1", "my clip.MP4").unwrap();
    let put = store.presign_put(&object, 5, "video/mp4").await.unwrap().unwrap();
    assert_eq!(put.headers, [("content-type".to_owned(), "video/mp4".to_owned())]);
    let query = put.url.query().unwrap();
    assert!(query.contains("X-Amz-Expires=43200"), "not 12 hours");
    assert!(query.contains("content-length"), "any length would do: {query}");
    let shown = format!("{put:?}");
    assert!(shown.contains("original.mp4") && !shown.contains("Signature"), "{shown}");
    let answer =
        send(&put.url, "PUT", "Content-Type: video/mp4\r\nContent-Length: 5\r\n", "media").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(store.get_bytes(&object).await.unwrap(), "media");
    let client = client(server);
    let head = client.head_object().bucket("acme-uploads").key(object.key()).send().await.unwrap();
    assert_eq!(head.content_type(), Some("video/mp4"));
    let rules = client.get_bucket_cors().bucket("acme-uploads").send().await.unwrap();
    assert_eq!(rules.cors_rules()[0].allowed_methods(), ["PUT"]);
}

async fn long_listings_are_followed_to_their_end(store: &Store) {
    let puts = (0..1005).map(|idx| {
        let store = store.clone();
        async move { store.put_bytes(&object(format!("long/{idx:04}")), "x").await.unwrap() }
    });
    let puts = futures::stream::iter(puts);
    futures::StreamExt::for_each_concurrent(puts, 8, |put| put).await;
    let listed = keys(store, "long").await;
    assert_eq!(listed.len(), 1005);
    assert!(listed.is_sorted());
    assert_eq!(store.delete_prefix(Bucket::Videos, "long").await.unwrap(), 1005);
    assert_eq!(keys(store, "long").await.len(), 0);
}

async fn stray_uploads_go_with_their_prefix(server: &S3Server, store: &Store) {
    let client = client(server);
    for key in ["stray/1/a.mp4", "stray/10/a.mp4"] {
        client.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
    }
    assert_eq!(store.delete_prefix(Bucket::Videos, "stray/1").await.unwrap(), 0);
    assert_eq!(n_uploads(&client).await, 1);
    store.delete_prefix(Bucket::Videos, "stray").await.unwrap();
    assert_eq!(n_uploads(&client).await, 0);
}

async fn a_dropped_upload_is_aborted(server: &S3Server) {
    let folder = tempfile::tempdir().unwrap();
    let path = large_file(&folder);
    let gate = Gate::open(server.address(), "partNumber=2", Rule::Hold).await;
    let store = Store::open_s3(&config(gate.address)).await.unwrap();
    let client = client(server);
    let object = object("dropped/large.mp4");
    tokio::select! {
        done = store.put_file(&object, &path) => panic!("the gate let it through: {done:?}"),
        () = gate.met.notified() => {}
    }
    // The abort is on its way; each look is a round trip to the server.
    let mut n_looks = 0;
    while n_uploads(&client).await > 0 {
        n_looks += 1;
        assert!(n_looks < 1000, "the upload was not aborted");
    }
    assert!(path.exists(), "the local file was consumed");
    assert_eq!(store.head(&object).await.unwrap(), None);
}

async fn a_refused_upload_is_aborted(server: &S3Server) {
    let folder = tempfile::tempdir().unwrap();
    let path = large_file(&folder);
    let rule = Rule::Answer(403, "AccessDenied");
    let gate = Gate::open(server.address(), "partNumber=2", rule).await;
    let store = Store::open_s3(&config(gate.address)).await.unwrap();
    let refused = store.put_file(&object("refused/large.mp4"), &path).await;
    assert!(matches!(refused, Err(Error::Denied { .. })), "{refused:?}");
    assert_eq!(n_uploads(&client(server)).await, 0);
    assert!(path.exists(), "the local file was consumed");
}

async fn failures_are_named(server: &S3Server) {
    let nobody = Store::open_s3(&config(free_address())).await.unwrap();
    let error = nobody.get_bytes(&object("a")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }) && error.is_transient(), "{error:?}");

    let other = S3Config { bucket_prefix: Some("nobodys-".into()), ..config(server.address()) };
    let homeless = Store::open_s3(&other).await.unwrap();
    for error in
        [homeless.check().await.unwrap_err(), homeless.get_bytes(&object("a")).await.unwrap_err()]
    {
        // Not `NotFound`: it is the bucket that is missing, and with it everything.
        assert!(matches!(error, Error::Refused { status: Some(404), .. }), "{error:?}");
        assert!(!error.is_transient());
    }
    let error = homeless.look().await.unwrap_err();
    assert!(matches!(error, Error::UnknownBucket { .. }), "{error:?}");

    let half = S3Config { secret_key: None, ..config(server.address()) };
    let error = Store::open_s3(&half).await.unwrap_err();
    assert!(matches!(error, Error::InvalidConfig { .. }), "{error:?}");
}

async fn conflicts_are_settled_by_looking(server: &S3Server, store: &Store) {
    let rule = Rule::Answer(409, "ConditionalRequestConflict");
    let gate = Gate::open(server.address(), "if-none-match: *", rule).await;
    let conflicted = Store::open_s3(&config(gate.address)).await.unwrap();
    let (absent, present) = (object("conflict/absent"), object("conflict/present"));
    store.put_bytes(&present, "x").await.unwrap();
    let created = conflicted.create_bytes(&present, "y").await.unwrap();
    assert_eq!(created, Created::AlreadyExists);
    let error = conflicted.create_bytes(&absent, "y").await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(store.head(&absent).await.unwrap(), None);
}

#[test]
fn unknown_settings_are_refused() {
    let known = r#"{"endpoint": "http://127.0.0.1:9000", "force_path_style": true}"#;
    let config: S3Config = serde_json::from_str(known).unwrap();
    assert_eq!(config.region, "us-east-1");
    let error = serde_json::from_str::<S3Config>(r#"{"regoin": "x"}"#).unwrap_err();
    assert!(error.to_string().contains("regoin"), "{error}");
}

#[test]
fn keys_are_checked_before_any_request() {
    let refused = Object::new(Bucket::Videos, "../acme-thumbnails/a");
    assert!(matches!(refused, Err(Error::InvalidKey { .. })));
}
