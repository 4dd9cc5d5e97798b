//! Everything that reads a source, on a real S3 server behind a proxy that cuts, stalls, fails and
//! lies: what comes out is right, or an error to come back after; never something shorter.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use contract::{ErrorCode, VideoId};
use fixtures::{Fault, FaultyProxy, Request, S3Server, tools};
use media::{
    options::{ChaptersOption, LoudnessOption, Options, Preset, SpritesOption, ThumbnailOption},
    plan::Plan,
    source::SourceFacts,
};
use storage::{Bucket, S3Config, Secret, Store};
use uuid::Uuid;

use super::*;
use crate::{
    download_source, encode_audio, extract_subtitles, make_chapters, make_mezzanine, make_sprites,
    make_thumbnail, make_waveform, measure_loudness, normalize_source, probe_source, pulse::Pulse,
    studio::Studio, transcode_chunk,
};

const READERS: [&str; 11] = [
    "probe",
    "chunk",
    "audio",
    "rewrite",
    "thumbnail",
    "scenes",
    "loudness",
    "subtitles",
    "mezzanine",
    "waveform",
    "sprites",
];

/// Where ffmpeg's first look ends: what comes behind is what a broken connection took away.
const FIRST_BLOCK: u64 = 256 << 10;

fn config(server: &S3Server) -> S3Config {
    S3Config {
        endpoint: Some(server.endpoint("127.0.0.1").parse().unwrap()),
        access_key: Some("test".to_owned()),
        secret_key: Some(Secret::new("test")),
        force_path_style: true,
        ..S3Config::default()
    }
}

/// A studio on S3, with a film of pictures, sound, texts and a hard cut in its store.
async fn studio(server: &S3Server) -> (Studio, StoredSource, SourceFacts, Plan) {
    let mut studio = Studio::open().await;
    studio.deps.store = Store::open_s3(&config(server)).await.unwrap();
    studio.deps.store.ensure_buckets().await.unwrap();
    let (source, facts) = studio.source(&film(&studio)).await;
    assert!(source.bytes > 4 * FIRST_BLOCK, "{}", source.bytes);
    let options = Options { preset: Some(Preset::Ultrafast), ..Options::default() };
    let plan = Studio::plan(&facts, &options);
    (studio, source, facts, plan)
}

fn film(studio: &Studio) -> PathBuf {
    let file = |name: &str| studio.folder.path().join(name);
    let cue = |at: u32| format!("{at}\n00:00:{at:02},000 --> 00:00:{at:02},900\ncue {at}\n\n");
    fs_err::write(file("a.srt"), (1..16).map(cue).collect::<String>()).unwrap();
    let mut ffmpeg = tools::command(tools::ffmpeg().unwrap());
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=8"]);
    ffmpeg.args(["-f", "lavfi", "-i", "mandelbrot=s=320x240:r=25,trim=duration=8"]);
    ffmpeg.args(["-f", "lavfi", "-i", "sine=d=16", "-i"]).arg(file("a.srt"));
    ffmpeg.args([
        "-filter_complex",
        "[0:v][1:v]concat[v]",
        "-map",
        "[v]",
        "-map",
        "2",
        "-map",
        "3",
    ]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "aac"]);
    assert!(ffmpeg.arg(file("film.mkv")).status().unwrap().success());
    file("film.mkv")
}

/// Puts a proxy between the studio and its store.
async fn behind(
    studio: &mut Studio,
    server: &S3Server,
    patience_seconds: u64,
    choose: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static,
) {
    let proxy = FaultyProxy::start(server.address(), choose).await.unwrap();
    let endpoint = format!("http://{}", proxy.address()).parse().unwrap();
    let config = S3Config { endpoint: Some(endpoint), patience_seconds, ..config(server) };
    studio.deps.store = Store::open_s3(&config).await.unwrap();
}

/// What one of the readers makes of the source, as a text; for a video of its own, so that it finds
/// nothing of an earlier run.
async fn made(
    studio: &Studio,
    reader: &str,
    (source, facts, plan): (StoredSource, SourceFacts, Plan),
) -> Result<String, Error> {
    let (deps, pulse, video) = (&studio.deps, &Pulse::still(), VideoId(Uuid::now_v7()));
    let sound = plan.audio[0].clone();
    let bytes = async |name: &str| studio.read(name).await;
    Ok(match reader {
        "probe" => {
            let input = contract::probe_source::Input { video, source };
            format!("{:?}", probe_source::run(deps, pulse, input).await?)
        }
        "chunk" => {
            let plan = plan.video.unwrap();
            let input =
                contract::transcode_chunk::Input { video, attempt: 1, source, plan, chunk: 0 };
            format!("{:?}", transcode_chunk::run(deps, pulse, input).await?)
        }
        "audio" => {
            let input = contract::encode_audio::Input { video, attempt: 1, source, plan: sound };
            format!("{:?}", encode_audio::run(deps, pulse, input).await?)
        }
        "rewrite" => {
            let input = contract::normalize_source::Input { video, source, facts };
            format!("{} bytes", normalize_source::run(deps, pulse, input).await?.source.bytes)
        }
        "thumbnail" => {
            let option = ThumbnailOption::default();
            let input = contract::make_thumbnail::Input { video, source, facts, option };
            let made = make_thumbnail::run(deps, pulse, input).await?;
            format!("{:?} {:?}", made.at_seconds, bytes(&made.image).await)
        }
        "scenes" => {
            let option = Some(ChaptersOption::default());
            let input = contract::make_chapters::Input { video, source, facts, option };
            let made = make_chapters::run(deps, pulse, input).await?;
            String::from_utf8(bytes(&made.vtt).await).unwrap()
        }
        "loudness" => {
            let target = LoudnessOption::default();
            let input = contract::measure_loudness::Input { video, source, plan: sound, target };
            format!("{:?}", measure_loudness::run(deps, pulse, input).await?)
        }
        "subtitles" => {
            let input = contract::extract_subtitles::Input { video, source, facts };
            let made = extract_subtitles::run(deps, pulse, input).await?;
            assert_eq!(made.tracks[0].cues, 15);
            let segment = made.tracks[0].playlist.replace("index.m3u8", "seg-00000.vtt");
            String::from_utf8(bytes(&segment).await).unwrap()
        }
        "mezzanine" => {
            let input = contract::make_mezzanine::Input { video, source, plan };
            format!("{} bytes", make_mezzanine::run(deps, pulse, input).await?.bytes)
        }
        "waveform" => {
            let input = contract::make_waveform::Input { video, source, plan: sound };
            let made = make_waveform::run(deps, pulse, input).await?;
            String::from_utf8(bytes(&made.json).await).unwrap()
        }
        _ => {
            let option = SpritesOption { interval_seconds: Some(1), width: None };
            let input = contract::make_sprites::Input { video, source, facts, option };
            let made = make_sprites::run(deps, pulse, input).await?;
            let sheet = made.vtt.replace("sprites.vtt", "sheet-00000.jpg");
            format!("{} {:?}", made.pictures, bytes(&sheet).await)
        }
    })
}

fn reads_source(request: &Request) -> bool {
    request.gets("original.mkv")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spoiled_now_and_then_comes_out_as_if_it_were_not() {
    let Some(server) = S3Server::start() else { return };
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let (mut studio, source, facts, plan) = studio(&server).await;
    let all = (source, facts, plan);
    let mut expected = Vec::new();
    for reader in READERS {
        expected.push(Box::pin(made(&studio, reader, all.clone())).await.unwrap());
    }
    let lie = |name, value: &str| Fault::Headers(vec![(name, value.to_owned())]);
    let faults = [
        Fault::Cut(100_000),
        Fault::Answer(503, ""),
        Fault::Stall(50_000),
        Fault::Whole,
        Fault::Short(10),
        lie("Content-Range", "bytes 0-99/100"),
        Fault::Answer(500, ""),
        lie("Content-Length", "99999999"),
    ];
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Every second answer is spoiled, each time in another way.
    behind(&mut studio, &server, 9, move |request| {
        let number = reads_source(request).then(|| count.fetch_add(1, Ordering::Relaxed))?;
        (number % 2 == 0).then(|| faults[number / 2 % faults.len()].clone())
    })
    .await;
    for (reader, expected) in READERS.iter().zip(expected) {
        let made = Box::pin(made(&studio, reader, all.clone())).await.unwrap();
        assert!(made == expected, "{reader}: {made} instead of {expected}");
    }
    assert!(asked.load(Ordering::Relaxed) > 2 * READERS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_broken_is_the_store_s_failure_and_tried_again() {
    let Some(server) = S3Server::start() else { return };
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let (mut studio, source, facts, plan) = studio(&server).await;
    let count = AtomicUsize::new(0);
    behind(&mut studio, &server, 1, move |request| {
        let range = request.header("range").filter(|_| reads_source(request))?;
        let first: u64 = range.trim_start_matches("bytes=").split('-').next()?.parse().ok()?;
        let faults = [Fault::Cut(0), Fault::Answer(503, ""), Fault::Stall(0)];
        let number = count.fetch_add(1, Ordering::Relaxed);
        (first >= FIRST_BLOCK).then(|| faults[number % faults.len()].clone())
    })
    .await;
    let all = (source, facts, plan);
    let tries = READERS.iter().map(|reader| Box::pin(made(&studio, reader, all.clone())));
    for (reader, made) in READERS.iter().zip(futures::future::join_all(tries).await) {
        let error = made.expect_err(reader);
        assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{reader}: {error:?}");
        assert!(error.is_transient(), "{reader}: {error:?}");
    }
    let scratch = fs_err::read_dir(studio.deps.scratch.path().unwrap()).unwrap().count();
    assert_eq!(scratch, 1, "something half made was left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_replaced_midway_is_named_and_final() {
    let Some(server) = S3Server::start() else { return };
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let (studio, source, facts, plan) = studio(&server).await;
    let object = Object::new(source.bucket.parse().unwrap(), &*source.key).unwrap();
    let mut other = studio.deps.store.get_bytes(&object).await.unwrap().to_vec();
    *other.last_mut().unwrap() ^= 1;
    studio.deps.store.put_bytes(&object, other).await.unwrap();
    let all = (source.clone(), facts, plan);
    for reader in READERS {
        let error = Box::pin(made(&studio, reader, all.clone())).await.expect_err(reader);
        assert_eq!(error.code(), ErrorCode::SourceUnavailable, "{reader}: {error:?}");
        assert!(!error.is_transient() && crate::failure::chain(&error).contains("replaced"));
    }
    studio.deps.store.delete(&object).await.unwrap();
    let error = Box::pin(made(&studio, "probe", all)).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), (ErrorCode::SourceNotFound, false));
}

/// What the workflow would do with it: the video is found again as it is now.
#[tokio::test]
async fn a_recorded_source_is_described_as_it_is_now() {
    let mut studio = Studio::open().await;
    let file = studio.folder.path().join("a.mp4");
    fs_err::write(&file, "media").unwrap();
    let source = contract::Source::File { path: file.to_string_lossy().into_owned() };
    let new = catalog::NewVideo::new(studio.video, "default", source.clone());
    studio.deps.catalog.insert(new).await.unwrap();
    let other = contract::Source::File { path: "/etc/passwd".to_owned() };
    let input = contract::download_source::Input { video: studio.video, source };
    let forged = contract::download_source::Input { source: other, ..input.clone() };
    for (local_files, input) in [(false, &input), (true, &forged)] {
        studio.deps.local_files = local_files;
        let run = download_source::run(&studio.deps, &Pulse::still(), input.clone()).await;
        assert_eq!(run.unwrap_err().code(), ErrorCode::Unauthorized, "{input:?}");
    }
    let first = download_source::run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
    let object = Object::new(Bucket::Videos, &*first.key).unwrap();
    studio.deps.store.put_bytes(&object, "restored").await.unwrap();
    let second = download_source::run(&studio.deps, &Pulse::still(), input).await.unwrap();
    assert_eq!((&second.key, second.bytes), (&first.key, 8));
    assert_ne!(second.etag, first.etag);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_integers_on_s3_are_read_as_their_box_says() {
    let Some(server) = S3Server::start() else { return };
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let mut studio = Studio::open().await;
    studio.deps.store = Store::open_s3(&config(&server)).await.unwrap();
    studio.deps.store.ensure_buckets().await.unwrap();
    let file = studio.folder.path().join("plain.mp4");
    let mut ffmpeg = tools::command(tools::ffmpeg().unwrap());
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "sine=d=2", "-ac", "1"]);
    ffmpeg.args(["-c:a", "pcm_s16le", "-f", "mov"]);
    assert!(ffmpeg.arg(&file).status().unwrap().success());
    // ISO's name of plain integers, and the box that says what they are: 16 bits, little endian.
    let mut bytes = fs_err::read(&file).unwrap();
    let at = |bytes: &[u8], name| bytes.windows(4).rposition(|word| word == name).unwrap();
    let (entry, chan) = (at(&bytes, b"sowt"), at(&bytes, b"chan"));
    bytes[entry..entry + 4].copy_from_slice(b"ipcm");
    bytes[chan..chan + 10].copy_from_slice(b"pcmC\0\0\0\0\x01\x10");
    fs_err::write(&file, bytes).unwrap();
    let (source, _) = studio.source(&file).await;
    let input = contract::probe_source::Input { video: studio.video, source };
    let facts = probe_source::run(&studio.deps, &Pulse::still(), input).await.unwrap();
    assert_eq!((facts.audio.len(), &facts.audio[0].undecodable), (1, &None));
}
