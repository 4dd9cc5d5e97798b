//! hls.js in Chromium lists, plays, hears and shows every track of a result.

use std::{
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use axum::{
    Json, Router,
    http::header::CONTENT_TYPE,
    routing::{get, post},
};
use fixtures::PATIENCE;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    chromium::FLAGS,
    product::{Flags, Product, data},
    sources::serve_file,
};

const PAGE: &str = include_str!("../browser/player.html");
/// The one that the product's own page plays with.
const HLS_JS: &str = include_str!("../../../api/web/vendor/hls.min.mjs");
const TEXTS: [&str; 2] = [
    "1\n00:00:02,000 --> 00:00:02,500\nTwo, early\n\n2\n00:00:07,000 --> 00:00:07,500\nTwo & <i>late</i>\n",
    "1\n00:00:02,000 --> 00:00:02,500\nDeux\n\n2\n00:00:07,000 --> 00:00:07,500\nDéjà « vu »\n",
];

/// What the page notes.
#[derive(Debug, Deserialize)]
struct Notes {
    steps: Vec<String>,
    audio: Vec<Value>,
    subtitles: Vec<Value>,
    passed: f64,
    tones: Vec<f64>,
    cues: Vec<Vec<Shown>>,
    restarted: f64,
}

/// A text, and what was to be seen just before and just after it begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    start_time: f64,
    end_time: f64,
    text: String,
    before: Seen,
    after: Seen,
}

#[derive(Debug, Deserialize)]
struct Seen {
    brightness: f64,
    active: Vec<String>,
}

/// What the page is told of a film.
#[derive(Clone, Copy)]
struct Film {
    /// When two chunks meet, in seconds.
    joint: f64,
    /// How many texts each track has.
    cues: usize,
    /// Pictures a second.
    rate: u32,
}

/// The program, or why the test is skipped.
struct Browser {
    chromium: PathBuf,
}

impl Browser {
    fn find() -> Option<Self> {
        let chromium = fixtures::require_or_skip("chromium")?;
        Some(Self { chromium })
    }

    /// Has the page play `master` and gives what it noted.
    async fn play(&self, master: &str, Film { joint, cues, rate }: Film) -> Notes {
        let (report, mut reports) = mpsc::channel::<Value>(1);
        let script = || async { ([(CONTENT_TYPE, "text/javascript")], HLS_JS) };
        let page = Router::new()
            .route("/", get(|| async { ([(CONTENT_TYPE, "text/html")], PAGE) }))
            .route("/hls.js", get(script))
            .route(
                "/report",
                post(|body: String| async move {
                    let notes = serde_json::from_str(&body).unwrap();
                    report.send(notes).await.unwrap();
                    Json(())
                }),
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, page).await.unwrap() });
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("master", master)
            .append_pair("joint", &joint.to_string())
            .append_pair("cues", &cues.to_string())
            .append_pair("rate", &rate.to_string())
            .append_pair("patience", &PATIENCE.as_secs().to_string())
            .finish();
        let _window = Window::open(&self.chromium, &format!("http://127.0.0.1:{port}/?{query}"));
        let notes = tokio::time::timeout(2 * PATIENCE, reports.recv()).await.unwrap().unwrap();
        assert!(notes["late"].is_null() && notes["errors"] == json!([]), "{notes:#}");
        serde_json::from_value(notes).unwrap()
    }
}

/// A Chromium on a profile of its own. Dropped, it is killed.
struct Window {
    process: Child,
    _profile: TempDir,
}

impl Window {
    fn open(chromium: &Path, address: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let process = fixtures::tools::command(chromium)
            .args(FLAGS)
            .arg("--autoplay-policy=no-user-gesture-required")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(address)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, _profile: profile }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Black pictures that flash once a second from the first second on, three sounds of 440, 880 and
/// 1760 Hz, and two tracks of texts that begin with the flashes at 2 s and 7 s.
fn film(folder: &Path) -> PathBuf {
    let file = folder.join("film.mkv");
    let flashes = "color=c=black:s=320x240:r=25:d=14,\
        drawbox=c=white:t=fill:enable='lt(mod(n,25),3)*gte(n,25)'";
    let mut ffmpeg = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", flashes]);
    for hertz in [440, 880, 1760] {
        ffmpeg.args(["-f", "lavfi", "-i", &format!("sine=f={hertz}:r=48000:d=14")]);
    }
    for (at, text) in TEXTS.iter().enumerate() {
        let texts = folder.join(format!("{at}.srt"));
        fs_err::write(&texts, text).unwrap();
        ffmpeg.arg("-i").arg(texts);
    }
    let output = "-map 0 -map 1 -map 2 -map 3 -map 4 -map 5 -c:v libx264 -preset veryfast -g 25 \
        -c:a aac -c:s srt -metadata:s:a:0 language=eng -metadata:s:a:1 language=spa \
        -metadata:s:a:2 title=Commentary -metadata:s:s:0 language=eng -metadata:s:s:1 language=fre \
        -disposition:s:1 forced";
    assert!(ffmpeg.args(output.split_whitespace()).arg(&file).status().unwrap().success());
    file
}

async fn played(source: PathBuf, options: Value, film: Film) -> Option<Notes> {
    let browser = Browser::find()?;
    let data = data();
    let product = Product::start(data.path(), &Flags::short_chunks())?;
    let url = serve_file(source).await;
    let id = product.submit(&url, options).await;
    let video = product.ready(&id).await;
    let notes = browser.play(video["outputs"]["master"].as_str().unwrap(), film).await;
    assert_eq!(notes.steps, ["parsed", "played", "listened", "read", "ended"]);
    // It is stopped late on a busy machine.
    let Film { joint, .. } = film;
    assert!((joint + 0.5..joint + 7.0).contains(&notes.passed), "{notes:#?}");
    assert!((0.4..7.0).contains(&notes.restarted), "{notes:#?}");
    Some(notes)
}

fn column<'a>(tracks: &'a [Value], name: &str) -> Vec<&'a Value> {
    tracks.iter().map(|track| &track[name]).collect()
}

#[tokio::test]
async fn hls_js_plays_every_track_and_texts_begin_with_their_pictures() {
    if fixtures::require_or_skip("ffmpeg").is_none() {
        return;
    }
    let folder = data();
    let options = json!({"resolutions": ["240p"]});
    let about = Film { joint: 6.0, cues: 2, rate: 25 };
    let Some(notes) = played(film(folder.path()), options, about).await else { return };
    assert_eq!(column(&notes.audio, "lang"), [&json!("en"), &json!("es"), &Value::Null]);
    assert_eq!(column(&notes.audio, "default"), [true, false, false]);
    assert_eq!(notes.audio[2]["name"], "Commentary");
    for (heard, hertz) in notes.tones.iter().zip([440.0, 880.0, 1760.0]) {
        assert!((heard - hertz).abs() < 12.0, "{:?}", notes.tones);
    }
    assert_eq!(column(&notes.subtitles, "lang"), ["en", "fr"]);
    assert_eq!(column(&notes.subtitles, "forced"), [false, true]);
    let texts = [["Two, early", "Two &amp; <i>late</i>"], ["Deux", "Déjà « vu »"]];
    for (cues, texts) in notes.cues.iter().zip(texts) {
        for ((cue, text), second) in cues.iter().zip(texts).zip([2.0, 7.0]) {
            // Everything is shown two frames late (ADR 0002).
            assert!((cue.start_time - second - 0.08).abs() < 0.002, "{cue:?}");
            assert!((cue.end_time - cue.start_time - 0.5).abs() < 0.002, "{cue:?}");
            assert_eq!(cue.text, text);
            assert!(cue.before.brightness < 40.0 && cue.before.active.is_empty(), "{cue:?}");
            assert!(cue.after.brightness > 200.0 && cue.after.active == [text], "{cue:?}");
        }
        assert_eq!(cues.len(), 2);
    }
    assert_eq!((notes.cues.len(), notes.tones.len()), (2, 3));
}

#[tokio::test]
async fn hls_js_plays_a_real_film_with_three_sounds_and_two_subtitles() {
    let Some(corpus) = fixtures::corpus() else { return };
    let file = corpus.join("sintel_3audio_2subs_chapters.mkv");
    let options = json!({"resolutions": ["360p"], "preset": "ultrafast"});
    let about = Film { joint: 12.0, cues: 3, rate: 24 };
    let Some(notes) = played(file, options, about).await else { return };
    assert_eq!(notes.audio.len(), 3, "{:?}", notes.audio);
    assert_eq!(column(&notes.subtitles, "lang"), ["en", "fr"]);
    assert_eq!(column(&notes.subtitles, "forced"), [false, true]);
    let [english, french] = &notes.cues[..] else { panic!("{:?}", notes.cues) };
    assert_eq!(english[2].text, "A dangerous quest &amp; <i>a lone</i> hunter.");
    assert_eq!(french[1].text, "Je cherche quelqu’un…");
    for (cue, second) in english.iter().zip([12.5, 18.5, 22.4]) {
        assert!((second..second + 0.1).contains(&cue.start_time), "{cue:?}");
        assert!(cue.before.active.is_empty() && cue.after.active.len() == 1, "{cue:?}");
    }
}
