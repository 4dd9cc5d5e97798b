//! Every option at once, each output checked by its content.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    hls, look,
    product::{Flags, Product, data, outputs},
    sources::serve_file,
};

/// Three scenes of 7, 6 and 7 s with a quiet tone.
fn three_scenes(folder: &Path) -> PathBuf {
    let clip = folder.join("scenes.mp4");
    let scenes = ["testsrc2=d=7", "smptehdbars=d=6", "mandelbrot=end_pts=600,trim=duration=7"];
    let mut command = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
    command.args(["-v", "error", "-nostdin", "-y"]);
    for scene in scenes {
        let (source, rest) = scene.split_once('=').unwrap();
        command.args(["-f", "lavfi", "-i", &format!("{source}=s=640x360:r=25:{rest}")]);
    }
    let graph = "[0:v]setsar=1[a];[1:v]setsar=1[b];[2:v]setsar=1[c];[a][b][c]concat=n=3[v]";
    let made = command
        .args(["-f", "lavfi", "-i", "sine=f=440:d=20,volume=-30dB"])
        .args(["-filter_complex", graph, "-map", "[v]", "-map", "3:a", "-t", "20"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&clip)
        .status()
        .unwrap();
    assert!(made.success());
    clip
}

fn everything() -> Value {
    json!({
        "resolutions": ["360p", "240p"], "preset": "veryfast",
        "thumbnail": {"mode": "timestamp", "at_seconds": 3.0, "widths": [160]},
        "watermark": {"text": "© Brand: 100%{} 'x'", "position": "top_left", "opacity": 1, "size": 0.12},
        "chapters": {}, "mp4": ["240p"], "loudness": true, "waveform": true,
        "preview": {"seconds": 12}, "sprites": true, "mezzanine": true,
    })
}

#[tokio::test]
async fn with_all_features_each_output_holds_what_it_should() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let clip = three_scenes(web.path());
    let id = product.submit(&serve_file(clip.clone()).await, everything()).await;
    let video = product.ready(&id).await;
    assert_eq!(video["warnings"], json!([]), "{video:#}");
    let made = &video["outputs"];
    assert_eq!(made["encoder"]["name"], "x264", "{video:#}");
    let folder = outputs(data.path(), &id);
    for rung in ["360p", "240p"] {
        hls::rendition(&folder.join(rung)).assert_continuous();
    }
    chapters_stand_at_the_cuts(&product, made).await;
    the_mark_is_in_its_corner_only(&folder, &clip);
    pictures_show_something(&product, made).await;
    let loudness = look::loudness(&folder.join("audio-64/index.m3u8"));
    assert!((loudness + 16.0).abs() < 0.5, "{loudness} LUFS");
    let (kind, waveform) = product.fetch(made["waveform"]["json"].as_str().unwrap()).await;
    assert_eq!(kind, "application/json");
    let waveform: Value = serde_json::from_slice(&waveform).unwrap();
    assert_eq!(
        waveform["data"].as_array().unwrap().len() as u64,
        2 * waveform["length"].as_u64().unwrap()
    );
    let file = web.path().join("240p.mp4");
    fs_err::write(&file, product.fetch(made["mp4"][0]["file"].as_str().unwrap()).await.1).unwrap();
    assert_eq!(hls::decoded_frames(&file), 500);
    let mezzanine = data.path().join("media").join(made["mezzanine"]["file"].as_str().unwrap());
    assert_eq!(hls::decoded_frames(&mezzanine), 500);
    let (kind, _) = product.fetch(made["preview"]["playlist"].as_str().unwrap()).await;
    assert_eq!(kind, "application/vnd.apple.mpegurl");
    assert_eq!(hls::decoded_frames(&folder.join("preview/preview.m3u8")), 300);
}

async fn chapters_stand_at_the_cuts(product: &Product, made: &Value) {
    let (_, json) = product.fetch(made["chapters"]["json"].as_str().unwrap()).await;
    let json: Value = serde_json::from_slice(&json).unwrap();
    let starts: Vec<f64> =
        json.as_array().unwrap().iter().map(|c| c["start-time"].as_f64().unwrap()).collect();
    assert_eq!(starts.len(), 3, "{starts:?}");
    for (start, cut) in starts.iter().zip([0.0, 7.0, 13.0]) {
        assert!((start - cut).abs() <= 0.0401, "{starts:?}");
    }
    let (kind, vtt) = product.fetch(made["chapters"]["vtt"].as_str().unwrap()).await;
    assert_eq!(kind, "text/vtt");
    assert!(vtt.starts_with(b"WEBVTT\n"));
}

/// Bars are still, so every difference to the source within them is the mark, or coding noise.
fn the_mark_is_in_its_corner_only(folder: &Path, clip: &Path) {
    for (rung, width, height) in [("360p", 640, 360), ("240p", 426, 240)] {
        let source = look::picture(clip, 10.0, width, height);
        let made = look::picture(&folder.join(rung).join("index.m3u8"), 10.0, width, height);
        let corner = made.difference(&source, [2, 40], [2, 20]);
        let elsewhere = made.difference(&source, [0, 100], [40, 100]);
        assert!(corner > 10.0, "{rung}: no mark, a difference of {corner}");
        assert!(elsewhere < 3.0, "{rung}: a difference of {elsewhere} far from the mark");
    }
}

async fn pictures_show_something(product: &Product, made: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let sprites = made["sprites"]["vtt"].as_str().unwrap();
    let (_, index) = product.fetch(sprites).await;
    let index = String::from_utf8(index).unwrap();
    let sheet = index.lines().find_map(|line| line.split_once("#xywh=")).unwrap().0;
    let sheet = format!("{}/{sheet}", sprites.rsplit_once('/').unwrap().0);
    let thumbnail = made["thumbnail"]["image"].as_str().unwrap();
    let small = made["thumbnail"]["sizes"][0]["image"].as_str().unwrap();
    let waveform = made["waveform"]["image"].as_str().unwrap();
    // The waveform of a quiet tone is a thin line.
    for (address, kind, least) in [
        (thumbnail, "image/jpeg", 20.0),
        (small, "image/jpeg", 20.0),
        (&*sheet, "image/jpeg", 20.0),
        (waveform, "image/png", 1.0),
    ] {
        let (given, bytes) = product.fetch(address).await;
        assert_eq!(given, kind, "{address}");
        let file = folder.path().join("picture");
        fs_err::write(&file, bytes).unwrap();
        let mean = look::picture(&file, 0.0, 64, 36).mean();
        assert!(mean > least, "{address} is black: {mean}");
    }
}
