//! The product in pieces, as a cluster runs it: PostgreSQL, S3, two APIs behind one address, which
//! share the folder of uploads and nothing else, and a worker process per queue, none of which shares a
//! folder with another, or is told of a service that its queue does not use.

use std::path::Path;

use contract::TaskQueue;
use fixtures::{Clip, S3Server, Temporal, postgres::Server};
use serde_json::{Value, json};
use storage::{Bucket, Object};
use tempfile::TempDir;

use crate::{
    compat::{addresses, store},
    hls,
    product::{Flags, Product, Worker, data},
    receiver::{Receiver, header, told},
    sources::serve,
};

/// The key that seals secrets, the same for all processes.
const SECRET_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// All processes of a cluster. What is dropped first ends first: workers, APIs, servers.
struct Cluster {
    _workers: Vec<Worker>,
    apis: [Product; 2],
    s3: S3Server,
    _postgres: Server,
    database: String,
    _temporal: Temporal,
    /// Of the workers, in the order of their queues, and of the APIs.
    folders: Vec<TempDir>,
}

impl Cluster {
    /// Starts all of them at once on empty stores.
    async fn start(shared: &Path) -> Option<Self> {
        let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
        let options = fixtures::temporal::Options::with_search_attributes(attributes);
        let temporal = Temporal::start_or_skip(options).await?;
        let postgres = Server::start()?;
        let s3 = S3Server::start()?;
        let key = shared.join("secret.key");
        fs_err::write(&key, SECRET_KEY).unwrap();
        let database = postgres.create_database();
        let with_catalog = |flags: Flags| {
            flags.and(["--database", &database, "--secret-key-file", &key.to_string_lossy()])
        };
        let with_store = |flags: Flags| {
            flags
                .and(["--s3-endpoint", &s3.endpoint("127.0.0.1")])
                .with("AWS_ACCESS_KEY_ID", "test")
                .with("AWS_SECRET_ACCESS_KEY", "test")
        };
        let (address, mut folders) = (temporal.address(), Vec::new());
        let mut folder = || {
            let folder = data();
            let path = folder.path().to_owned();
            folders.push(folder);
            path
        };
        let workers = TaskQueue::ALL.map(|queue| {
            let network = ["--allow-webhook-networks", "127.0.0.1/32"];
            let mut flags = Flags::default().and(["--queues", queue.name()]).and(network);
            if needs_catalog(queue) {
                flags = with_catalog(flags);
            }
            if !matches!(queue, TaskQueue::VideoWorkflows | TaskQueue::Notify) {
                flags = with_store(flags);
            }
            Worker::with_flags(&folder(), &address, &flags)
        });
        let arriving = shared.join("uploads").to_string_lossy().into_owned();
        let of_api = with_store(with_catalog(Flags::default()))
            .and(["--chunk-seconds", "6", "--uploads-folder", &arriving])
            .and(["--media-url", &s3.endpoint("127.0.0.1")]);
        let apis = [(); 2].map(|()| Product::api_alone(&folder(), &address, &of_api));
        Some(Self {
            _workers: workers.into(),
            apis,
            s3,
            _postgres: postgres,
            database,
            _temporal: temporal,
            folders,
        })
    }

    /// What a query of the database answers, as a number.
    fn count(&self, query: &str) -> u32 {
        let mut psql = fixtures::tools::command(fixtures::tools::find("psql").unwrap());
        let output = psql.args([&self.database, "-Atc", query]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }
}

fn needs_catalog(queue: TaskQueue) -> bool {
    matches!(queue, TaskQueue::Download | TaskQueue::Playlist | TaskQueue::Notify)
}

/// Plays a video from the store, as players do: every file of every playlist, and the pictures of the
/// first rendition.
async fn plays(video: &Value, pictures: u64) {
    let master = url::Url::parse(video["outputs"]["master"].as_str().unwrap()).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let place = |address: &url::Url| copy.path().join(address.path().trim_start_matches('/'));
    let mut addresses_left = vec![master.clone()];
    let mut files = 0;
    while let Some(address) = addresses_left.pop() {
        let (_, bytes) = fetched(&address).await;
        fs_err::create_dir_all(place(&address).parent().unwrap()).unwrap();
        fs_err::write(place(&address), &bytes).unwrap();
        if media::playlist::is_playlist(address.path()) {
            let text = String::from_utf8(bytes).unwrap();
            addresses_left.extend(addresses(&text).iter().map(|it| address.join(it).unwrap()));
        } else {
            files += 1;
        }
    }
    // Two init segments, and a segment of each track at least.
    assert!(files >= 4, "{files} files");
    assert_eq!(hls::decoded_frames(&place(&master)), pictures);
}

/// Type and bytes of an object at its address. The server gives a private object to any signature: whether
/// a bucket is public is its owner's business.
async fn fetched(address: &url::Url) -> (String, Vec<u8>) {
    let request = reqwest::Client::new().get(address.clone());
    let answer = request.header("authorization", "AWS test:signature").send().await.unwrap();
    assert_eq!(answer.status(), 200, "{address}");
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn two_apis_and_a_worker_per_queue_are_one_service() {
    let (shared, web) = (data(), tempfile::tempdir().unwrap());
    let Some(cluster) = Cluster::start(shared.path()).await else { return };
    let [one, other] = &cluster.apis;
    let (base, clip) = (serve(web.path().to_owned()).await, Clip::new().size(640, 360).seconds(14));
    fs_err::copy(clip.path(), web.path().join("clip.mp4")).unwrap();
    let (mut receiver, port) = Receiver::start().await;

    // Everything a queue is for, and a secret that another process opens.
    let asked = json!({
        "url": format!("{base}/clip.mp4"),
        "options": {
            "resolutions": ["360p", "240p"], "preset": "ultrafast", "thumbnail": {}, "mp4": true,
            "chapters": {}, "sprites": true, "waveform": true, "preview": true, "loudness": true,
            "mezzanine": true,
        },
        "webhook": {"url": format!("http://127.0.0.1:{port}/told"), "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    });
    let (status, taken) = one.post("/videos", asked).await;
    assert_eq!(status, 202, "{taken}");
    let id = taken["id"].as_str().unwrap().to_owned();
    let ready = other.ready(&id).await;
    assert_eq!(ready["warnings"], json!([]), "{ready:#}");
    assert_eq!(ready["outputs"]["frames"], clip.frames());
    plays(&ready, clip.frames().into()).await;
    for made in ["thumbnail", "chapters", "sprites", "waveform", "preview", "loudness", "mezzanine"]
    {
        assert!(ready["outputs"][made].is_object(), "no {made} in {ready:#}");
    }
    let mp4 = ready["outputs"]["mp4"][0]["file"].as_str().unwrap();
    let (kind, _) = fetched(&mp4.parse().unwrap()).await;
    assert_eq!(kind, "video/mp4");
    let message = receiver.next().await;
    assert!(header(&message, "webhook-signature").starts_with("v1,"));
    assert_eq!(told(&message)["data"]["id"], json!(id));

    uploaded(one, other).await;
    resumed(one, other).await;
    retried(one, other, &base, web.path()).await;

    holds_no_more_than_it_uses(&cluster);
    let store = store(&cluster.s3, None).await;
    let master = Object::new(Bucket::Videos, format!("{id}/outputs/master.m3u8")).unwrap();
    assert!(store.head(&master).await.unwrap().is_some(), "this looks in another place");
    assert_eq!(other.delete(&format!("/videos/{id}")).await, 202);
    one.until(&id, |answer| answer["status"] == 404).await;
    for bucket in [Bucket::Videos, Bucket::Thumbnails, Bucket::Mezzanine] {
        let left = store.list(bucket, &id).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Sends a file by tus, one half to each API.
async fn resumed(one: &Product, other: &Product) {
    let clip = Clip::new().size(320, 240).seconds(3);
    let bytes = fs_err::read(clip.path()).unwrap();
    let tus = |api: &Product, method: &str, path: &str| {
        api.request(method, path).header("tus-resumable", "1.0.0")
    };
    let asked = tus(one, "POST", "/uploads").header("upload-length", bytes.len());
    let answer = asked.header("upload-metadata", "filename Y2xpcC5tcDQ=").send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().unwrap();
    let id = location.rsplit('/').next().unwrap().to_owned();
    let path = format!("/uploads/{id}");
    let half = bytes.len() / 2;
    for (api, from, to) in [(one, 0, half), (other, half, bytes.len())] {
        let piece = tus(api, "PATCH", &path)
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", from)
            .body(bytes[from..to].to_vec());
        let answer = piece.send().await.unwrap();
        assert_eq!(answer.status(), 204, "{:?}", answer.text().await);
        assert_eq!(answer.headers()["upload-offset"], to.to_string().as_str());
    }
    let asked = json!({"upload_id": id, "options": {"resolutions": ["240p"]}});
    let (status, video) = one.post("/videos", asked).await;
    assert_eq!(status, 202, "{video}");
    let ready = other.ready(video["id"].as_str().unwrap()).await;
    assert_eq!(ready["outputs"]["frames"], clip.frames());
}

/// Looks at what the processes hold, once they have done everything that they are for.
fn holds_no_more_than_it_uses(cluster: &Cluster) {
    for (queue, folder) in TaskQueue::ALL.into_iter().zip(&cluster.folders) {
        for made in ["catalog.db", "secret.key", "media"] {
            assert!(!folder.path().join(made).exists(), "the worker of {queue} made {made}");
        }
    }
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millrace'";
    let sessions = cluster.count(sessions);
    // Two APIs of 8, three workers of 4, and the one that holds the turn.
    assert!((1..=2 * 8 + 3 * 4 + 1).contains(&sessions), "{sessions} connections");
    let turns = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    assert_eq!(cluster.count(turns), 1, "one API looks after what was left behind");
}

/// Sends a file straight into the store: signed by one API, completed and submitted at the other.
async fn uploaded(one: &Product, other: &Product) {
    let clip = Clip::new().size(320, 240).seconds(3);
    let bytes = fs_err::read(clip.path()).unwrap();
    let asked = json!({"file_name": "my clip.mp4", "bytes": bytes.len()});
    let (status, signed) = one.post("/uploads/presigned", asked).await;
    assert_eq!(status, 201, "{signed}");
    let mut put = reqwest::Client::new().put(signed["url"].as_str().unwrap()).body(bytes);
    for (name, value) in signed["headers"].as_object().unwrap() {
        put = put.header(name, value.as_str().unwrap());
    }
    assert_eq!(put.send().await.unwrap().status(), 200);
    let upload = signed["upload_id"].as_str().unwrap();
    let (status, found) = other.post(&format!("/uploads/{upload}/complete"), json!({})).await;
    assert_eq!(status, 200, "{found}");
    let asked = json!({"upload_id": upload, "options": {"resolutions": ["240p"]}});
    let (status, video) = other.post("/videos", asked).await;
    assert_eq!(status, 202, "{video}");
    let ready = one.ready(video["id"].as_str().unwrap()).await;
    assert_eq!(ready["outputs"]["frames"], clip.frames());
    plays(&ready, clip.frames().into()).await;
}

/// Fails a video and tries it again through the other API.
async fn retried(one: &Product, other: &Product, base: &str, web: &Path) {
    let id = one.submit(&format!("{base}/late.mp4"), json!({"resolutions": ["240p"]})).await;
    let failed = other.ended(&id).await;
    assert_eq!(failed["error"]["code"], "source_not_found", "{failed:#}");
    let clip = Clip::new().size(320, 240).seconds(3);
    fs_err::copy(clip.path(), web.join("late.mp4")).unwrap();
    let (status, answer) = other.post(&format!("/videos/{id}/retry"), json!({})).await;
    assert_eq!(status, 202, "{answer}");
    let ready = one.until(&id, |video| video["status"] == "ready").await;
    assert_eq!((&ready["attempt"], &ready["error"]), (&json!(2), &json!(null)));
    plays(&ready, clip.frames().into()).await;
}
