//! yt-dlp, the real one, through the proxy.

use std::{net::IpAddr, path::Path};

use axum::Router;
use contain::{Containment, Layers};
use fetch::{Client, Config, Error, Refusal};
use fixtures::{Clip, intruder, require_or_skip};
use tempfile::TempDir;
use tower_http::services::ServeDir;
use url::Url;

use crate::{ALLOWED, DENIED, config};

/// Serves a folder as web servers do.
async fn serve(ip: IpAddr, folder: &Path) -> Url {
    let listener = tokio::net::TcpListener::bind((ip, 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let app = Router::new().fallback_service(ServeDir::new(folder));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// A client with the yt-dlp of this machine, or none where the test is skipped.
fn client(max_bytes: u64) -> Option<Client> {
    let ytdlp = require_or_skip("yt-dlp")?;
    let ffmpeg = require_or_skip("ffmpeg")?;
    let tools = ffmpeg::Tools { ffmpeg, ..ffmpeg::Tools::default() };
    let programs = Config { ytdlp: Some(ytdlp), tools, ..config() };
    Some(Client::new(Config { max_bytes, ..programs }).unwrap())
}

fn page(folder: &Path, video: &str) {
    let html =
        format!("<html><head><title>../x</title></head><body><video src=\"{video}\"></video>");
    fs_err::write(folder.join("page.html"), html).unwrap();
}

/// Runs ffmpeg in `folder`; `|` stands for a space inside an argument.
fn ffmpeg(folder: &Path, args: &str) {
    let mut command = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
    command.args(["-v", "error", "-nostdin"]).current_dir(folder);
    command.args(args.split(' ').map(|arg| arg.replace('|', " ")));
    assert!(command.status().unwrap().success());
}

/// When the picture and the sound of a file start, in seconds.
fn starts(path: &Path) -> [f64; 2] {
    ["v", "a"].map(|stream| {
        let mut command = fixtures::tools::command(fixtures::tools::ffprobe().unwrap());
        let entry = "stream=start_time";
        command.args(["-v", "error", "-select_streams", stream, "-show_entries", entry]);
        let output = command.args(["-of", "csv=p=0"]).arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    })
}

#[tokio::test]
async fn the_video_of_a_page_arrives() {
    let Some(client) = client(u64::MAX / 2) else { return };
    let (site, dest) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let clip = fs_err::read(Clip::new().path()).unwrap();
    fs_err::write(site.path().join("clip.mp4"), &clip).unwrap();
    page(site.path(), "clip.mp4");
    let url = serve(ALLOWED, site.path()).await.join("page.html").unwrap();
    let mut seen = Vec::new();
    let got =
        client.download_site(&url, dest.path(), |progress| seen.push(progress)).await.unwrap();
    assert_eq!(got.path, dest.path().join("source.mp4"));
    assert!(fs_err::read(&got.path).unwrap() == clip, "other bytes than were served");
    assert_eq!(got.bytes, clip.len() as u64);
    assert_eq!(seen.last().unwrap().done, got.bytes);
    assert_eq!(fs_err::read_dir(dest.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn picture_and_sound_become_one_file() {
    let Some(client) = client(u64::MAX / 2) else { return };
    let (site, dest) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    ffmpeg(
        site.path(),
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -itsoffset 0.5 -i sine=d=1 -c:v libx264 \
         -preset ultrafast -g 25 -c:a aac -map 0:v -map 1:a -f hls -hls_time 1 -hls_playlist_type vod \
         -var_stream_map v:0,agroup:a|a:0,agroup:a -master_pl_name master.m3u8 out%v.m3u8",
    );
    let url = serve(ALLOWED, site.path()).await.join("master.m3u8").unwrap();
    let got = client.download_site(&url, dest.path(), |_| ()).await.unwrap();
    assert_eq!(got.path, dest.path().join("source.mp4"));
    assert_eq!(fs_err::read_dir(dest.path()).unwrap().count(), 1);
    let [picture, sound] = starts(&got.path);
    // The sound starts half a second after the picture, less the samples its encoder puts first.
    assert!((sound - picture - 0.5).abs() < 0.03, "picture {picture}, sound {sound}");
}

#[tokio::test]
async fn a_page_leads_nowhere_that_is_not_public() {
    let Some(client) = client(u64::MAX / 2) else { return };
    let (site, dest) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs_err::copy(Clip::new().path(), site.path().join("clip.mp4")).unwrap();
    let denied = serve(DENIED, site.path()).await;
    page(site.path(), denied.join("clip.mp4").unwrap().as_str());
    let url = serve(ALLOWED, site.path()).await.join("page.html").unwrap();
    let error = client.download_site(&url, dest.path(), |_| ()).await.unwrap_err();
    let reason = Refusal::Address { host: "127.0.0.2".into() };
    assert!(matches!(&error, Error::Forbidden { reason: found } if *found == reason), "{error:?}");
    let direct = denied.join("page.html").unwrap();
    let error = client.download_site(&direct, dest.path(), |_| ()).await.unwrap_err();
    assert!(matches!(&error, Error::Forbidden { .. }), "{error:?}");
}

/// What a stand-in for yt-dlp reaches, which may start programs and connect to our proxy.
async fn reached(containment: Containment) -> Vec<String> {
    let (other, dest) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (key, ytdlp) = (other.path().join("secret.key"), other.path().join("yt-dlp"));
    fs_err::write(&key, "x").unwrap();
    let orders = [
        format!("key read {}", key.display()),
        "environ parent environ".to_owned(),
        format!("drop write {}", other.path().join("drop").display()),
        format!("canary connect {}", canary.local_addr().unwrap()),
        "output write output".to_owned(),
    ];
    intruder::write(&ytdlp, &orders);
    let tools = ffmpeg::Tools { containment, ..ffmpeg::Tools::default() };
    let client = Client::new(Config { ytdlp: Some(ytdlp), tools, ..config() }).unwrap();
    let url = "http://127.0.0.1/page.html".parse().unwrap();
    let error = client.download_site(&url, dest.path(), |_| ()).await.unwrap_err();
    let Error::ToolFailed { detail, .. } = error else { panic!("{error:?}") };
    intruder::report(&detail).0
}

#[tokio::test]
async fn what_reads_pages_for_us_reaches_nothing_else() {
    let kernel = Layers::of_kernel();
    let held = reached(Containment::Full).await;
    let control = reached(Containment::Off).await;
    assert_eq!(control, ["key", "environ", "drop", "canary", "output"]);
    if kernel.landlock >= 4 {
        assert_eq!(held, ["output"]);
    } else {
        assert!(std::env::var_os("CI").is_none(), "this kernel has only {kernel}");
    }
}

#[tokio::test]
async fn no_more_than_the_limit_is_taken() {
    let Some(client) = client(1_000) else { return };
    let (site, dest) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs_err::copy(Clip::new().path(), site.path().join("clip.mp4")).unwrap();
    page(site.path(), "clip.mp4");
    let url = serve(ALLOWED, site.path()).await.join("page.html").unwrap();
    let error = client.download_site(&url, dest.path(), |_| ()).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge { limit: 1_000 }), "{error:?}");
}

#[tokio::test]
async fn a_page_without_a_video_says_so() {
    let Some(client) = client(u64::MAX / 2) else { return };
    let (site, dest) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs_err::write(site.path().join("page.html"), "<html><body>nothing here").unwrap();
    let url = serve(ALLOWED, site.path()).await.join("page.html?key=secret").unwrap();
    let error = client.download_site(&url, dest.path(), |_| ()).await.unwrap_err();
    assert!(matches!(&error, Error::ToolFailed { tool: "yt-dlp", .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn known_sites_are_told_from_other_pages() {
    let Some(client) = client(u64::MAX / 2) else { return };
    let is_site = async |url: &str| client.is_site(&url.parse().unwrap()).await.unwrap();
    assert!(is_site("https://www.youtube.com/watch?v=BaW_jenozKc").await);
    assert!(is_site("https://vimeo.com/76979871").await);
    assert!(!is_site("https://example.org/page.html").await);
}

#[tokio::test]
async fn without_ytdlp_the_error_says_how_to_get_it() {
    let client = Client::new(Config { ytdlp: Some("/no/such/yt-dlp".into()), ..config() }).unwrap();
    let url = "https://example.org/page.html".parse().unwrap();
    let dest = TempDir::new().unwrap();
    for error in [
        client.is_site(&url).await.unwrap_err(),
        client.download_site(&url, dest.path(), |_| ()).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::ToolMissing { .. }), "{error:?}");
        assert!(
            !error.is_transient() && error.to_string().contains("pipx install yt-dlp"),
            "{error}"
        );
    }
}
