//! A source that names other files or addresses reaches neither: not as a playlist, a manifest, a list
//! of files, a session description or a movie without samples, whatever it is called. Nor does it write
//! where it names a file.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use fixtures::Clip;
use serde_json::json;

use crate::{
    elsewhere::referring,
    product::{Flags, Product, data},
    sources::serve,
};

/// Counts who connects to it, on an address that sources may come from.
struct Canary {
    address: String,
    reached: Arc<AtomicU32>,
}

impl Canary {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let reached = Arc::<AtomicU32>::default();
        let count = Arc::clone(&reached);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(mut client) = client else { continue };
                let mut request = [0; 1024];
                // Whoever asks has been counted.
                let _ = client.read(&mut request);
                let _ = client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            }
        });
        Self { address, reached }
    }

    fn reached(&self) -> u32 {
        self.reached.load(Ordering::SeqCst)
    }
}

/// Sources that name `target`, each with the name it is served under.
fn naming(n: usize, target: &str) -> Vec<(String, String)> {
    let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:6,\n{target}\n#EXT-X-ENDLIST\n");
    let map = hls.replace("#EXTINF", &format!("#EXT-X-MAP:URI=\"{target}\"\n#EXTINF"));
    let key =
        hls.replace("#EXTINF", &format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{target}\"\n#EXTINF"));
    let master = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n");
    let dash = format!(
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT6S\"><Period><AdaptationSet mimeType=\"video/mp4\">\
         <Representation id=\"1\" bandwidth=\"1\" codecs=\"avc1.42c01e\"><BaseURL>{target}</BaseURL>\
         </Representation></AdaptationSet></Period></MPD>"
    );
    let concat = format!("ffconcat version 1.0\nfile '{target}'\n");
    let bare = format!("file '{target}'\n");
    let sdp = format!(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{target}\n\
         m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    );
    let rtsp = format!("[Reference]\nRef1={target}\n");
    let kinds = [
        ("hls.m3u8", &hls),
        ("hls.mp4", &hls),
        ("hls.ts", &hls),
        ("map.m3u8", &map),
        ("key.m3u8", &key),
        ("master.m3u8", &master),
        ("dash.mpd", &dash),
        ("dash.mp4", &dash),
        ("list.ffconcat", &concat),
        ("list.mp4", &concat),
        ("list.txt", &bare),
        ("session.sdp", &sdp),
        ("session.mp4", &sdp),
        ("old.asx", &rtsp),
    ];
    kinds.map(|(name, text)| (format!("{n}-{name}"), text.clone())).to_vec()
}

/// Reads a file as an ffmpeg does that was asked to follow what a movie names.
fn read_following(movie: &Path) -> bool {
    let mut command = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
    command.args([
        "-v",
        "error",
        "-nostdin",
        "-enable_drefs",
        "1",
        "-use_absolute_path",
        "1",
        "-i",
    ]);
    let frames = command.arg(movie).args(["-f", "framecrc", "-"]).output().unwrap().stdout;
    String::from_utf8_lossy(&frames).lines().filter(|line| !line.starts_with('#')).count() > 1
}

/// Reads a playlist as an ffmpeg does that nobody keeps from anything.
fn read_unguarded(playlist: &Path) -> bool {
    let ffmpeg = fixtures::tools::ffmpeg().unwrap();
    let mut command = fixtures::tools::command(ffmpeg);
    command.args(["-v", "error", "-nostdin", "-allowed_extensions", "ALL"]);
    command.args(["-protocol_whitelist", "file,http,tcp,crypto"]).arg("-i").arg(playlist);
    command.args(["-f", "null", "-"]).status().unwrap().success()
}

#[tokio::test]
async fn what_a_source_names_is_not_reached() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let slots = Flags::default().and(["--slots", "download=8,metadata=8,playlist=8"]);
    let Some(product) = Product::start(data.path(), &slots) else { return };
    let (canary, control) = (Canary::start(), Canary::start());
    // A whole clip: whoever reads it makes a video of it.
    let clip = Clip::new().size(64, 48).seconds(6).container("ts").path();
    let file = clip.display().to_string();
    let http = format!("http://{}/clip.ts", canary.address);
    let targets = [
        file.clone(),
        format!("file:{file}"),
        http.clone(),
        format!("concat:{file}"),
        format!("subfile,,start,0,end,0,,:{file}"),
        format!("crypto+{http}"),
        format!("data:text/plain,{file}"),
    ];
    let mut sources = Vec::new();
    for (n, target) in targets.iter().enumerate() {
        // Every kind with a file and with an address, and further protocols where they mean something.
        let kinds = if n == 0 || n == 2 { usize::MAX } else { 1 };
        for (name, text) in naming(n, target).into_iter().take(kinds) {
            fs_err::write(web.path().join(&name), text).unwrap();
            sources.push(name);
        }
    }
    let movie = Clip::new().size(64, 48).seconds(6).path();
    let referring = referring(&fs_err::read(&movie).unwrap(), &movie);
    fs_err::write(web.path().join("reference.mov"), referring).unwrap();
    assert!(read_following(&web.path().join("reference.mov")), "the movie refers to nothing");
    sources.push("reference.mov".to_owned());
    // The controls: an ffmpeg that may follow what it reads does reach both.
    let playlist = |name: &str| web.path().join(name);
    assert!(read_unguarded(&playlist("0-hls.m3u8")), "the canary file plays in no playlist");
    let reaching = naming(99, &format!("http://{}/clip.ts", control.address));
    fs_err::write(playlist("99-hls.m3u8"), &reaching[0].1).unwrap();
    read_unguarded(&playlist("99-hls.m3u8"));
    assert!(control.reached() > 0, "the canary listener hears nobody");
    let base = serve(web.path().to_owned()).await;
    let options = json!({"resolutions": ["144p"], "preset": "ultrafast"});
    let mut ids = Vec::new();
    for name in sources {
        ids.push((product.submit(&format!("{base}/{name}"), options.clone()).await, name));
    }
    for (id, name) in ids {
        let video = product.ended(&id).await;
        assert_eq!(video["status"], "failed", "{name}: {video:#}");
        let code = video["error"]["code"].as_str().unwrap();
        assert!(
            ["corrupt_media", "unsupported_media", "no_streams"].contains(&code),
            "{name}: {video:#}"
        );
        let message = video["error"]["message"].as_str().unwrap();
        assert!(!message.contains(&file) && !message.contains("file:/"), "{name}: {message}");
    }
    assert_eq!(canary.reached(), 0, "a source made us ask an address it names");
}

#[tokio::test]
async fn a_file_that_a_source_carries_is_written_nowhere() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::default()) else { return };
    let (font, clip) = (web.path().join("font.ttf"), web.path().join("clip.mkv"));
    let escaped = web.path().join("escaped.ttf");
    fs_err::write(&font, "not a font").unwrap();
    let make = |args: &[&str], output: &[&str]| {
        let mut command = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
        command.args(["-v", "error", "-nostdin"]).args(args).args(output);
        command.status().unwrap()
    };
    let (font, name) = (font.to_str().unwrap(), format!("filename={}", escaped.display()));
    let video = ["-f", "lavfi", "-i", "testsrc2=d=2:s=64x48", "-attach", font];
    let tags = ["-metadata:s:t", "mimetype=application/x-truetype-font", "-metadata:s:t", &name];
    assert!(make(&[&video[..], &tags].concat(), &[clip.to_str().unwrap()]).success());
    // The control: an ffmpeg that is asked to does write it where the file says. It then misses an output.
    make(&["-dump_attachment:t", "", "-i", clip.to_str().unwrap()], &[]);
    assert_eq!(fs_err::read(&escaped).unwrap(), b"not a font");
    fs_err::remove_file(&escaped).unwrap();
    let base = serve(web.path().to_owned()).await;
    let id = product.submit(&format!("{base}/clip.mkv"), json!({"preset": "ultrafast"})).await;
    product.ready(&id).await;
    assert!(!escaped.exists(), "an attachment was written to {}", escaped.display());
    let inside = crate::webhooks::files_with(data.path(), "not a font");
    // The source as it came holds what it carries.
    assert!(inside.iter().all(|file| file.contains("/source/")), "{inside:?}");
}
