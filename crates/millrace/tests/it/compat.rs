//! The compatible front doors, from a job to what its caller finds: below a prefix of our own store,
//! and in buckets of the caller's on a real S3 server.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use fixtures::{Clip, PATIENCE, S3Server};
use serde_json::{Value, json};
use storage::{Bucket, Object, S3Config, Secret, Store};

use crate::{
    hls,
    product::{Flags, Product, data},
};

/// How often a test looks.
const LOOK: Duration = Duration::from_millis(100);
/// Found nowhere but where it is meant to be.
pub(crate) const SECRET: &str = "secret-4f1c9e-of-the-customer";
const ACCESS: &str = "access-77ab31-of-the-customer";
pub(crate) const INPUT_KEY: &str = "creator-1/originals/media-9/clip-of-the-customer.mp4";

/// Looks at a job until it stands at one of these.
pub(crate) async fn until(product: &Product, path: &str, ends: &[&str]) -> Value {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let job = product.get(path).await;
        if ends.contains(&job["status"].as_str().unwrap_or_default()) {
            return job;
        }
        assert!(Instant::now() < give_up, "still {job:#}");
        tokio::time::sleep(LOOK).await;
    }
}

fn key<'a>(job: &'a Value, profile: &str) -> &'a str {
    let outputs = job["outputs"].as_array().unwrap();
    let found = outputs.iter().find(|output| output["profile"] == profile);
    found.unwrap_or_else(|| panic!("no {profile} in {job:#}"))["key"].as_str().unwrap()
}

/// Every line of a playlist that is an address.
pub(crate) fn addresses(text: &str) -> Vec<String> {
    let attribute = |line: &str| {
        let rest = line.split_once("URI=\"")?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let plain = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let own = text.lines().filter(plain).map(str::to_owned);
    own.chain(text.lines().filter_map(attribute)).collect()
}

#[tokio::test]
async fn a_roku_job_is_published_with_absolute_addresses() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let incoming = data.path().join("media/videos/incoming");
    fs_err::create_dir_all(&incoming).unwrap();
    fs_err::copy(Clip::new().seconds(8).path(), incoming.join("clip.mp4")).unwrap();
    let base = format!("{}published", product.media());
    let asked = json!({
        "inputKey": "incoming/clip.mp4", "profile": "roku-hls", "outputPrefix": "/shows/1/",
        "playlistBaseUrl": base,
        "ladder": [{"name": "small", "height": 120, "bitrate": "200k", "audio_bitrate": "64k"}],
    });
    let (code, taken) = product.post("/api/transcode/submit", asked).await;
    assert_eq!(
        (code, &taken["success"], &taken["status"]),
        (200, &json!(true), &json!("queued")),
        "{taken}"
    );
    let id = taken["jobId"].as_str().unwrap();
    let job =
        until(&product, &format!("/api/transcode/status/{id}"), &["complete", "failed"]).await;
    assert_eq!(job["status"], "complete", "{job:#}");
    assert_eq!(key(&job, "hls"), "shows/1/master.m3u8");
    // Below a folder that no other video and no other attempt writes to.
    assert_eq!(key(&job, "hls-small"), format!("shows/1/{id}-1/small/index.m3u8"));
    // Clients serve this as it is, and find it by the name of the master playlist as well.
    assert_eq!(key(&job, "small"), key(&job, "hls").replace("master.m3u8", "small.mp4"));
    let (kind, mp4) = product.fetch(&format!("{base}/{}", key(&job, "small"))).await;
    let file = data.path().join("small.mp4");
    fs_err::write(&file, mp4).unwrap();
    assert_eq!((kind.as_str(), hls::decoded_frames(&file)), ("video/mp4", 240));
    let address = format!("{base}/{}", key(&job, "hls"));
    let mut playlists = vec![address.clone()];
    let mut files = 0;
    while let Some(playlist) = playlists.pop() {
        let (_, text) = product.fetch(&playlist).await;
        for found in addresses(&String::from_utf8(text).unwrap()) {
            assert!(found.starts_with(&format!("{base}/shows/1/")), "{found} in {playlist}");
            if media::playlist::is_playlist(&found) {
                playlists.push(found);
            } else {
                product.fetch(&found).await;
                files += 1;
            }
        }
    }
    assert!(files >= 6, "{files}");
    assert_eq!(hls::decoded_frames(Path::new(&address)), 240);
    let jobs = product.get("/api/transcode/jobs?page=0&size=5").await;
    assert_eq!((&jobs["total"], &jobs["jobs"][0]["id"]), (&json!(1), &json!(id)));
    assert_eq!(product.get("/api/transcode/jobs?page=1&size=5").await["jobs"], json!([]));
    assert_eq!(product.delete(&format!("/videos/{id}")).await, 202);
    product.until(id, |answer| answer["status"] == 404).await;
    let left = fs_err::read_dir(data.path().join("media/published/shows/1")).unwrap();
    let files = left.filter(|entry| entry.as_ref().unwrap().path().is_file()).count();
    assert_eq!(files, 0, "a deleted video can still be played");
}

#[tokio::test]
async fn a_runpod_job_goes_to_the_buckets_of_its_caller_and_its_credentials_nowhere() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let Some(server) = S3Server::start() else { return };
    let store = store(&server, Some("acme-")).await;
    let put = |key: &str| Object::new(Bucket::Videos, key).unwrap();
    let clip = Clip::new().size(160, 120).seconds(8);
    store.copy_file(&put(INPUT_KEY), &clip.path()).await.unwrap();
    let (code, taken) = product.post("/v2/any/run", job(&server.endpoint("127.0.0.1"))).await;
    assert_eq!((code, &taken["status"]), (200, &json!("IN_QUEUE")), "{taken}");
    let id = taken["id"].as_str().unwrap();
    let ends = ["COMPLETED", "FAILED", "CANCELLED"];
    let job = until(&product, &format!("/v2/any/status/{id}"), &ends).await;
    assert_eq!(job["status"], "COMPLETED", "{job:#}");
    let output = &job["output"];
    for (field, expected) in [
        ("hlsMasterPlaylistKey", "creator-1/hls/media-9/master.m3u8"),
        ("hlsPreviewKey", "creator-1/hls/media-9/preview/preview.m3u8"),
        ("thumbnailKey", "creator-1/thumbnails/media-9/auto-generated.jpg"),
        ("waveformKey", "creator-1/waveforms/media-9/waveform.json"),
        ("waveformImageKey", "creator-1/waveforms/media-9/waveform.png"),
    ] {
        assert_eq!(output[field], expected, "{output:#}");
        assert!(store.head(&put(expected)).await.unwrap().is_some(), "{expected}");
    }
    let mezzanine = Object::new(Bucket::Mezzanine, output["mezzanineKey"].as_str().unwrap());
    assert!(store.head(&mezzanine.unwrap()).await.unwrap().is_some(), "not in the second bucket");
    assert_eq!(output["durationSeconds"], 8);
    let copy = tempfile::tempdir().unwrap();
    for meta in store.list(Bucket::Videos, "creator-1/hls").await.unwrap() {
        store.get_file(&put(&meta.key), &copy.path().join(&meta.key)).await.unwrap();
    }
    let master = copy.path().join("creator-1/hls/media-9/master.m3u8");
    assert_eq!(hls::decoded_frames(&master), 240);
    assert_eq!(hls::decoded_frames(&master.with_file_name("preview").join("preview.m3u8")), 240);
    let shown = product.get(&format!("/videos/{id}")).await;
    assert_eq!(shown["source"]["kind"], "given");
    assert!(![SECRET, ACCESS].iter().any(|secret| shown.to_string().contains(secret)), "{shown}");
    drop(product);
    assert!(holds(data.path(), INPUT_KEY), "this search finds nothing");
    for secret in [SECRET, ACCESS] {
        assert!(!holds(data.path(), secret), "{secret} lies in the data folder");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_shape_of_the_front_door() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::default()) else { return };
    let asked = json!({"inputKey": "a.mp4", "profile": "vhs"});
    let (code, told) = product.post("/api/transcode/submit", asked).await;
    assert_eq!((code, &told["success"]), (400, &json!(false)), "{told}");
    assert!(told["error"].as_str().unwrap().contains("roku-hls"), "{told}");
    // This machine by an address that is not the allowed one.
    let (code, taken) = product.post("/v2/any/run", job("http://127.0.0.2:9")).await;
    assert_eq!(code, 200, "{taken}");
    let path = format!("/v2/any/status/{}", taken["id"].as_str().unwrap());
    let failed = until(&product, &path, &["COMPLETED", "FAILED"]).await;
    assert_eq!(failed["status"], "FAILED");
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("source_forbidden") && error.contains("127.0.0.2"), "{error}");
}

/// A job for `/v2` on a store, for both of its buckets.
pub(crate) fn job(endpoint: &str) -> Value {
    json!({"input": {
        "mediaId": "media-9", "creatorId": "creator-1", "type": "video", "inputKey": INPUT_KEY,
        "r2Endpoint": endpoint, "r2AccessKeyId": ACCESS, "r2SecretAccessKey": SECRET,
        "r2BucketName": "acme-videos",
        "b2Endpoint": endpoint, "b2AccessKeyId": ACCESS, "b2SecretAccessKey": SECRET,
        "b2BucketName": "acme-mezzanine",
    }})
}

/// True when a file below a folder, whatever kind it is, holds these bytes.
fn holds(folder: &Path, text: &str) -> bool {
    fs_err::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = fs_err::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// The buckets of a real S3 server, `acme-videos` and so on, as the caller sees them.
pub(crate) async fn store(server: &S3Server, prefix: Option<&str>) -> Store {
    let config = S3Config {
        endpoint: Some(server.endpoint("127.0.0.1").parse().unwrap()),
        access_key: Some("test".to_owned()),
        secret_key: Some(Secret::new("test")),
        force_path_style: true,
        bucket_prefix: prefix.map(str::to_owned),
        ..S3Config::default()
    };
    let store = Store::open_s3(&config).await.unwrap();
    store.ensure_buckets().await.unwrap();
    store
}
