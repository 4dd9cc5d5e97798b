//! Killed at the worst moment: the video completes, finished chunks stay, nothing is left running.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt, path::Path};

use fixtures::{BusyClock, Clip};
use serde_json::{Value, json};

use crate::{
    hls,
    product::{Flags, Product, Worker, assert_no_ffmpeg, data, ffmpegs_on, outputs, running},
    sources::serve_file,
};

const CHUNKS: usize = 5;

fn clip() -> Clip {
    Clip::new().size(640, 480).seconds(30).fps("30")
}

fn options() -> Value {
    json!({"resolutions": ["480p", "360p"], "preset": "slow"})
}

fn options_of_a_quick_video() -> Value {
    json!({"resolutions": ["480p", "360p"], "preset": "fast"})
}

/// Segments that are stored, with what changes when a file is written again.
fn segments(outputs: &Path) -> BTreeMap<String, (u64, i64)> {
    let folder = outputs.join("480p");
    let Ok(entries) = fs_err::read_dir(folder) else { return BTreeMap::new() };
    let named =
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(".m4s"));
    named
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            (entry.file_name().to_string_lossy().into_owned(), (meta.ino(), meta.mtime_nsec()))
        })
        .collect()
}

/// Manifests of finished chunks; one that is half written does not count.
pub(crate) fn finished_chunks(data: &Path, id: &str) -> usize {
    let work = data.join("media/videos").join(id).join("work");
    let Ok(entries) = fs_err::read_dir(work) else { return 0 };
    let chunks =
        entries.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with("chunks-"));
    let is_whole = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".json");
    chunks.map_or(0, |folder| {
        let manifests = fs_err::read_dir(folder.path()).unwrap().flatten();
        manifests.filter(|entry| is_whole(&entry.file_name())).count()
    })
}

#[tokio::test]
async fn killed_mid_video_it_goes_on_where_it_was() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let url = serve_file(clip().path()).await;
    let id = product.submit(&url, options()).await;
    product
        .until(&id, |_| {
            finished_chunks(data.path(), &id) >= 2 && !ffmpegs_on(data.path()).is_empty()
        })
        .await;
    product.kill();
    let finished = finished_chunks(data.path(), &id);
    assert!(finished < CHUNKS, "all chunks were finished before the kill");
    let before = segments(&outputs(data.path(), &id));
    let product = Product::start(data.path(), &Flags::short_chunks()).unwrap();
    assert_no_ffmpeg(data.path());
    let video = product.ready(&id).await;
    let after = segments(&outputs(data.path(), &id));
    let kept = before.iter().filter(|(name, identity)| after.get(*name) == Some(identity)).count();
    assert!(kept >= finished, "{kept} segments kept, {finished} chunks were finished");
    assert_eq!(video["outputs"]["frames"], clip().frames(), "{video:#}");
    for rung in ["480p", "360p"] {
        let rendition = hls::rendition(&outputs(data.path(), &id).join(rung));
        rendition.assert_continuous();
        assert_eq!(rendition.pts.len(), clip().frames() as usize);
        assert_eq!(
            rendition.segments.len(),
            after.len(),
            "segments that no playlist names were left"
        );
    }
    assert_no_ffmpeg(data.path());
}

#[tokio::test]
async fn a_killed_worker_costs_the_chunks_it_had_in_hand() {
    let data = data();
    let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    let options = fixtures::temporal::Options::with_search_attributes(attributes);
    let Some(temporal) = fixtures::Temporal::start_or_skip(options).await else { return };
    let product = Product::api_alone(data.path(), &temporal.address(), &Flags::short_chunks());
    let worker = Worker::start(data.path(), &temporal.address());
    let url = serve_file(clip().path()).await;
    let id = product.submit(&url, options_of_a_quick_video()).await;
    let busy =
        |_: &Value| finished_chunks(data.path(), &id) >= 1 && !ffmpegs_on(data.path()).is_empty();
    product.until(&id, busy).await;
    drop(worker);
    let finished = finished_chunks(data.path(), &id);
    let before = segments(&outputs(data.path(), &id));
    let _worker = Worker::start(data.path(), &temporal.address());
    let video = product.ready(&id).await;
    let after = segments(&outputs(data.path(), &id));
    let kept = before.iter().filter(|(name, identity)| after.get(*name) == Some(identity)).count();
    assert!(kept >= finished, "{kept} segments kept, {finished} chunks were finished");
    assert_eq!(video["outputs"]["frames"], clip().frames(), "{video:#}");
    hls::rendition(&outputs(data.path(), &id).join("360p")).assert_continuous();
    assert_no_ffmpeg(data.path());
}

/// Kills a process as `kill -9` does; it may have ended by itself before.
fn kill(pid: u32) {
    fixtures::tools::command("kill").args(["-9", &pid.to_string()]).status().unwrap();
}

#[tokio::test]
async fn a_chunk_whose_encoder_is_killed_ten_times_in_a_row_is_encoded_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;

    let Some(real) = fixtures::require_or_skip("ffmpeg") else { return };
    let data = data();
    let program = data.path().join("ffmpeg");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *rung-0.mp4*)\n\
         kills=$(cat \"$0.kills\" 2>/dev/null || echo 0)\n\
         if [ \"$kills\" -lt 10 ]; then echo $((kills + 1)) >\"$0.kills\"; kill -9 $$; fi;;\n\
         esac\nexec {} \"$@\"\n",
        real.display()
    );
    fs_err::write(&program, script).unwrap();
    fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    // It counts its kills beside itself, where no contained child may write.
    let flags =
        Flags::default().and(["--ffmpeg", program.to_str().unwrap()]).and(["--containment", "off"]);
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let url = serve_file(Clip::new().seconds(2).path()).await;
    let id = product.submit(&url, json!({"resolutions": ["240p"]})).await;
    let video = product.ready(&id).await;
    assert_eq!(fs_err::read_to_string(data.path().join("ffmpeg.kills")).unwrap(), "10\n");
    assert_eq!(video["warnings"], json!([]), "{video:#}");
}

#[tokio::test]
async fn a_storm_of_kills_fails_no_video() {
    let data = data();
    let flags = Flags::short_chunks().and(["--slots", "transcode=2"]);
    let Some(mut product) = Product::start(data.path(), &flags) else { return };
    let url = serve_file(clip().path()).await;
    let mut videos = Vec::new();
    for _ in 0..2 {
        videos.push(product.submit(&url, options_of_a_quick_video()).await);
    }
    for blow in 0..12 {
        let any = |_: &Value| !ffmpegs_on(data.path()).is_empty();
        product.until(&videos[1], any).await;
        ffmpegs_on(data.path()).into_iter().for_each(kill);
        if blow == 6 {
            product.kill();
            product = Product::start(data.path(), &flags).unwrap();
        }
    }
    for id in &videos {
        let video = product.ready(id).await;
        assert_eq!(video["outputs"]["frames"], clip().frames(), "{video:#}");
        hls::rendition(&outputs(data.path(), id).join("360p")).assert_continuous();
    }
}

#[tokio::test]
async fn a_killed_temporal_server_comes_back_and_the_video_goes_on() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let url = serve_file(clip().path()).await;
    let id = product.submit(&url, options_of_a_quick_video()).await;
    product.until(&id, |_| finished_chunks(data.path(), &id) >= 1).await;
    let servers = running("temporal", data.path());
    assert_eq!(servers.len(), 1, "{servers:?}");
    kill(servers[0]);
    product.ready(&id).await;
    assert_ne!(running("temporal", data.path()), servers);
    let rendition = hls::rendition(&outputs(data.path(), &id).join("360p"));
    rendition.assert_continuous();
    assert_eq!(rendition.pts.len(), clip().frames() as usize);
}

#[tokio::test]
async fn it_stops_although_temporal_does_not_answer() {
    let data = data();
    let flags = Flags::short_chunks().and(["--drain-seconds", "2"]);
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let id = product.submit(&serve_file(clip().path()).await, options()).await;
    product.until(&id, |_| !ffmpegs_on(data.path()).is_empty()).await;
    let servers = running("temporal", data.path());
    let hold = ["-STOP", &servers[0].to_string()];
    assert!(fixtures::tools::command("kill").args(hold).status().unwrap().success());
    // Two seconds for the work, five to hand it back, ten for the server to end, and room.
    product.stop(std::time::Duration::from_mins(2)).await;
    assert_no_ffmpeg(data.path());
    assert_eq!(running("temporal", data.path()), [0u32; 0]);
}

#[tokio::test]
async fn cancelled_its_encoders_are_gone_within_two_seconds() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let url = serve_file(clip().path()).await;
    let id = product.submit(&url, options()).await;
    product.until(&id, |_| ffmpegs_on(data.path()).len() >= 2).await;
    let asked = BusyClock::start().unwrap();
    let (status, answer) = product.post(&format!("/videos/{id}/cancel"), json!({})).await;
    assert!(status == 202 || status == 200, "{status} {answer}");
    while !ffmpegs_on(data.path()).is_empty() {
        let elapsed = asked.elapsed();
        assert!(elapsed.as_secs_f64() < 2.0, "encoders still run after {elapsed:?}");
        tokio::task::yield_now().await;
    }
    drop(asked);
    let video = product.ended(&id).await;
    assert_eq!(video["status"], "cancelled", "{video:#}");
    // What is left is what a retry needs: the source as it came.
    let objects = data.path().join("media/videos").join(&id);
    let left = fs_err::read_dir(objects).into_iter().flatten().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| name == "source"), "a cancelled video left {left:?} behind");
}
