//! Bad input: a named error, nothing left behind, and the worker goes on.

use fixtures::Clip;
use serde_json::json;

use crate::{
    product::{Flags, Product, data},
    sources::serve,
};

#[tokio::test]
async fn bad_sources_end_with_a_named_error_and_leave_nothing() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::default()) else { return };
    let clip = Clip::new().size(320, 240).seconds(8).path();
    let whole = fs_err::read(&clip).unwrap();
    fs_err::write(web.path().join("good.mp4"), &whole).unwrap();
    fs_err::write(web.path().join("cut.mp4"), &whole[..whole.len() * 3 / 5]).unwrap();
    fs_err::write(web.path().join("text.mp4"), "this is no video\n".repeat(50)).unwrap();
    fs_err::write(web.path().join("empty.mp4"), "").unwrap();
    fs_err::write(web.path().join("none.mp4"), NO_STREAMS).unwrap();
    fs_err::write(web.path().join("list.mp4"), "#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n")
        .unwrap();
    let base = serve(web.path().to_owned()).await;
    let mut ids = Vec::new();
    for (path, codes) in [
        ("gone", &["source_not_found"][..]),
        ("forbidden", &["source_forbidden"]),
        ("cut.mp4", &["corrupt_media"]),
        ("text.mp4", &["corrupt_media", "unsupported_media"]),
        ("empty.mp4", &["corrupt_media", "unsupported_media"]),
        ("none.mp4", &["no_streams", "corrupt_media"]),
        ("list.mp4", &["corrupt_media", "unsupported_media"]),
    ] {
        ids.push((path, codes, product.submit(&format!("{base}/{path}"), json!({})).await));
    }
    for (path, codes, id) in ids {
        let video = product.ended(&id).await;
        assert_eq!(video["status"], "failed", "{path}: {video:#}");
        let code = video["error"]["code"].as_str().unwrap();
        assert!(codes.contains(&code), "{path}: {:#}", video["error"]);
        let message = video["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty(), "{path}");
        assert!(path != "empty.mp4" || message.contains("0 bytes"), "{message}");
        // What is left is what a retry needs: the source as it came.
        let objects = data.path().join("media/videos").join(&id);
        let left = fs_err::read_dir(objects).into_iter().flatten().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(left.iter().all(|name| name == "source"), "{path} left {left:?} behind");
    }
    let private = product.submit("http://127.0.0.2:9/a.mp4", json!({})).await;
    assert_eq!(product.ended(&private).await["error"]["code"], "source_forbidden");
    let good = product.submit(&format!("{base}/good.mp4"), json!({"preset": "ultrafast"})).await;
    product.ready(&good).await;
    let scratch = fs_err::read_dir(data.path().join("scratch")).unwrap().flatten();
    let kept: Vec<_> =
        scratch.filter(|e| e.file_name().to_string_lossy().starts_with("kept-")).collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[tokio::test]
async fn what_can_be_known_at_once_is_refused_at_once() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::default()) else { return };
    for (body, named) in [
        (json!({}), "url"),
        (json!({"url": "ftp://example.com/a.mp4"}), "url"),
        (json!({"url": "https://example.com/a.mp4", "options": {"thumbnial": {}}}), "thumbnial"),
        (
            json!({"url": "https://example.com/a.mp4", "options": {"resolutions": ["99p"]}}),
            "resolutions",
        ),
    ] {
        let (status, problem) = product.post("/videos", body.clone()).await;
        assert_eq!(status, 422, "{body}: {problem}");
        assert!(problem.to_string().contains(named), "{body}: {problem}");
    }
    assert_eq!(product.get("/videos").await["videos"], json!([]));
}

/// A well-formed MP4 file without a single track: `ftyp` and a `moov` with nothing but its header.
const NO_STREAMS: &[u8] = &{
    let mut file = [0u8; 24 + 116];
    let ftyp = *b"\0\0\0\x18ftypisom\0\0\0\0isomiso2";
    let mut at = 0;
    while at < 24 {
        file[at] = ftyp[at];
        at += 1;
    }
    let moov = *b"\0\0\0\x74moov\0\0\0\x6cmvhd";
    while at < 24 + 16 {
        file[at] = moov[at - 24];
        at += 1;
    }
    file[24 + 16 + 14] = 0x03;
    file[24 + 16 + 15] = 0xe8;
    file
};
