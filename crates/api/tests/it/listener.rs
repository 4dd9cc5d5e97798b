//! What players, and others, get from the media listener.

use std::{os::unix::fs::symlink, path::Path};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use fs_err as fs;
use storage::Bucket;
use tempfile::TempDir;

use crate::harness::{Answer, ask};

const ID: &str = "0192f000-0000-7000-8000-000000000001";

struct Media {
    folder: TempDir,
    router: Router,
}

impl Media {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        fs::create_dir_all(&root).unwrap();
        let router = api::media_router(&root, &[Bucket::Videos, Bucket::Thumbnails]);
        Self { folder, router }
    }

    /// Writes a file below the root of the store.
    fn write(&self, path: &str, content: &[u8]) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        ask(&self.router, request.body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }
}

#[tokio::test]
async fn objects_have_their_types_and_life_times() {
    let media = Media::new();
    let for_ever = "public, max-age=31536000, immutable";
    for (key, media_type, lifetime) in [
        ("outputs/master.m3u8", "application/vnd.apple.mpegurl", "public, max-age=10"),
        ("outputs/720p/index.m3u8", "application/vnd.apple.mpegurl", "public, max-age=10"),
        ("outputs/720p/init.mp4", "video/mp4", "public, max-age=10"),
        ("outputs/720p/seg-1-00001.m4s", "video/iso.segment", for_ever),
        ("chapters/chapters.vtt", "text/vtt", "public, max-age=10"),
        ("outputs/a%20%2b%25%C3%BC.json", "application/json", "public, max-age=10"),
    ] {
        let decoded = key.replace("%20", " ").replace("%2b", "+").replace("%25", "%");
        let decoded = decoded.replace("%C3%BC", "ü");
        media.write(&format!("videos/{ID}/{decoded}"), key.as_bytes());
        let answer = media.get(&format!("/videos/{ID}/{key}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, key.to_owned()));
        assert_eq!(answer.header(header::CONTENT_TYPE), media_type, "{key}");
        assert_eq!(answer.header(header::CACHE_CONTROL), lifetime, "{key}");
        assert_eq!(answer.header(header::CONTENT_LENGTH), key.len().to_string());
        assert_eq!(answer.header(header::ACCEPT_RANGES), "bytes");
        assert!(!answer.header(header::LAST_MODIFIED).is_empty());
    }
    media.write(&format!("thumbnails/{ID}/thumbnail.jpg"), b"picture");
    let answer = media.get(&format!("/thumbnails/{ID}/thumbnail.jpg")).await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "image/jpeg");
}

#[tokio::test]
async fn ranges() {
    let media = Media::new();
    media.write(&format!("videos/{ID}/outputs/a.m4s"), b"0123456789");
    let path = format!("/videos/{ID}/outputs/a.m4s");
    for (range, body, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let answer = media.ask(Method::GET, &path, &[(header::RANGE, range)]).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(
            (answer.text().as_str(), answer.header(header::CONTENT_RANGE)),
            (body, content_range)
        );
        assert_eq!(answer.header(header::CONTENT_TYPE), "video/iso.segment");
    }
    let answer = media.ask(Method::GET, &path, &[(header::RANGE, "bytes=10-")]).await;
    answer.problem(416, "range-not-satisfiable");
    assert_eq!(answer.header(header::CONTENT_RANGE), "bytes */10");
    for ignored in ["bytes=0-1,3-4", "seconds=1-2"] {
        let answer = media.ask(Method::GET, &path, &[(header::RANGE, ignored)]).await;
        assert_eq!((answer.status, answer.bytes.len()), (StatusCode::OK, 10), "{ignored}");
    }
}

#[tokio::test]
async fn tags_follow_the_content() {
    let media = Media::new();
    let (key, path) =
        (format!("videos/{ID}/outputs/master.m3u8"), format!("/videos/{ID}/outputs/master.m3u8"));
    media.write(&key, b"first");
    let first = media.get(&path).await.header(header::ETAG).to_owned();
    assert!(first.starts_with('"') && first.ends_with('"') && first.len() > 4, "{first}");
    let weak = format!("\"other\", W/{first}");
    for same in [first.as_str(), &weak, "*"] {
        let answer = media.ask(Method::GET, &path, &[(header::IF_NONE_MATCH, same)]).await;
        assert_eq!((answer.status, answer.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{same}");
        assert_eq!(answer.header(header::ETAG), first);
        assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=10");
    }
    let part = [(header::RANGE, "bytes=1-2"), (header::IF_RANGE, first.as_str())];
    assert_eq!(media.ask(Method::GET, &path, &part).await.text(), "ir");

    media.write(&format!("{key}.new"), b"later");
    fs::rename(media.root().join(format!("{key}.new")), media.root().join(&key)).unwrap();
    let answer = media.ask(Method::GET, &path, &[(header::IF_NONE_MATCH, &first)]).await;
    assert_eq!(answer.text(), "later");
    assert_ne!(answer.header(header::ETAG), first);
    let answer = media.ask(Method::GET, &path, &part).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "later"));
}

#[tokio::test]
async fn a_date_is_a_condition_only_where_no_tag_is() {
    let media = Media::new();
    media.write(&format!("videos/{ID}/outputs/a.m4s"), b"0123");
    let path = format!("/videos/{ID}/outputs/a.m4s");
    let date = media.get(&path).await.header(header::LAST_MODIFIED).to_owned();
    let since = (header::IF_MODIFIED_SINCE, date.as_str());
    let answer = media.ask(Method::GET, &path, std::slice::from_ref(&since)).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    let other = (header::IF_NONE_MATCH, "\"other\"");
    assert_eq!(media.ask(Method::GET, &path, &[since, other]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn head_tells_the_size_and_sends_nothing() {
    let media = Media::new();
    media.write(&format!("videos/{ID}/outputs/a.m4s"), b"0123456789");
    let path = format!("/videos/{ID}/outputs/a.m4s");
    for headers in [&[][..], &[(header::RANGE, "bytes=0-1")]] {
        let answer = media.ask(Method::HEAD, &path, headers).await;
        assert_eq!((answer.status, answer.bytes.len()), (StatusCode::OK, 0));
        assert_eq!(answer.header(header::CONTENT_LENGTH), "10");
        assert_eq!(answer.header(header::CONTENT_TYPE), "video/iso.segment");
        assert!(!answer.header(header::ETAG).is_empty());
    }
    assert_eq!(media.ask(Method::HEAD, "/videos/x", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_of_any_origin_may_play() {
    let media = Media::new();
    media.write(&format!("videos/{ID}/outputs/master.m3u8"), b"#EXTM3U");
    let path = format!("/videos/{ID}/outputs/master.m3u8");
    for path in [path.as_str(), "/videos/nothing"] {
        let answer = media.ask(Method::GET, path, &[(header::ORIGIN, "https://example.com")]).await;
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        assert!(answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).contains("content-range"));
    }
    let preflight = [
        (header::ORIGIN, "https://example.com"),
        (header::ACCESS_CONTROL_REQUEST_METHOD, "GET"),
        (header::ACCESS_CONTROL_REQUEST_HEADERS, "range"),
    ];
    let answer = media.ask(Method::OPTIONS, &path, &preflight).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS), "*");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_METHODS), "GET,HEAD");
}

#[tokio::test]
async fn what_is_not_public_is_not_there() {
    let media = Media::new();
    let secret = b"secret";
    let hidden = [
        "source/original.mp4",
        "work/chunk-0.json",
        "outputs",
        "outputs/.hidden",
        "outputs/a.m4s#1",
        "outputs/folder/x/file",
        "other/a",
        "original.mp4",
    ];
    for key in hidden.iter().filter(|key| **key != "outputs") {
        media.write(&format!("videos/{ID}/{key}"), secret);
    }
    media.write(&format!("mezzanine/{ID}/mezzanine.mp4"), secret);
    media.write("videos/not-an-id/outputs/a.m4s", secret);
    media.write("catalog.db", secret);
    fs::write(media.folder.path().join("outside"), secret).unwrap();
    let outputs = media.root().join(format!("videos/{ID}/outputs"));
    symlink(media.folder.path().join("outside"), outputs.join("link.m4s")).unwrap();
    symlink(Path::new("../source"), outputs.join("linked")).unwrap();

    let mut paths: Vec<String> = hidden
        .iter()
        .filter(|key| !key.ends_with("file"))
        .map(|key| format!("/videos/{ID}/{}", key.replace('#', "%23")))
        .collect();
    for path in [
        "outputs/",
        "outputs/folder",
        "outputs/folder/",
        "outputs/nothing.m4s",
        "outputs/link.m4s",
        "outputs/linked/original.mp4",
        "outputs/folder/x/file/more",
        "outputs/../source/original.mp4",
        "outputs/%2e%2e/source/original.mp4",
        "outputs/..%2fsource%2foriginal.mp4",
        "outputs%2f..%2fsource/original.mp4",
        "outputs//../source/original.mp4",
        "outputs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/outside",
        "outputs/..%5c..%5csource/original.mp4",
        "outputs/%00",
        "outputs/%ff",
        "outputs/a.m4s%231",
        "./source/original.mp4",
        "%2e/source/original.mp4",
        "source%2foriginal.mp4",
    ] {
        paths.push(format!("/videos/{ID}/{path}"));
    }
    for path in [
        "/",
        "/videos",
        "/videos/",
        "/catalog.db",
        "/store/catalog.db",
        "/..%2foutside",
        "/%2e%2e/outside",
        "/videos/..%2fcatalog.db",
        "/videos/%2e%2e/catalog.db",
        "/videos/%2fetc%2fpasswd",
        "//etc/passwd",
        "/videos//etc/passwd",
        "/videos/not-an-id/outputs/a.m4s",
    ] {
        paths.push(path.to_owned());
    }
    paths.push(format!("/mezzanine/{ID}/mezzanine.mp4"));
    paths.push(format!("/Videos/{ID}/outputs/folder/x/file"));
    for path in &paths {
        let answer = media.get(path).await;
        assert!(!answer.text().contains("secret"), "{path}");
        answer.problem(404, "object-not-found");
    }
    let sibling = media.get(&format!("/videos/{ID}/outputs/folder/x/file")).await;
    assert_eq!(sibling.text(), "secret", "what lies beside them is served");
    let posted = media.ask(Method::POST, &format!("/videos/{ID}/outputs/a.m4s"), &[]).await;
    posted.problem(405, "method-not-allowed");
}
