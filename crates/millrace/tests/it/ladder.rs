//! Invariants I1 to I6 on the output of multi-chunk videos.

use fixtures::Clip;
use serde_json::json;

use crate::{
    hls,
    product::{Flags, Product, assert_no_ffmpeg, data, outputs},
    sources::serve_file,
};

#[tokio::test]
async fn a_multi_chunk_video_is_one_continuous_ladder() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let clip = Clip::new().size(640, 480).seconds("20.02").fps("30000/1001");
    let url = serve_file(clip.path()).await;
    let id = product
        .submit(&url, json!({"resolutions": ["480p", "360p", "240p"], "preset": "ultrafast"}))
        .await;
    let video = product.ready(&id).await;
    assert_eq!(video["warnings"], json!([]), "{video:#}");
    let folder = outputs(data.path(), &id);
    let source_frames = u64::from(clip.frames());
    let mut keys = Vec::new();
    for rung in ["480p", "360p", "240p"] {
        let rendition = hls::rendition(&folder.join(rung));
        rendition.assert_continuous();
        assert_eq!(
            rendition.pts.len() as u64,
            source_frames,
            "{rung}: frames out differ from frames in"
        );
        assert_eq!(rendition.segments.len(), 4, "{rung}");
        let duration = source_frames as f64 * 1001.0 / 30000.0;
        assert!(
            (rendition.extinf - duration).abs() < 0.001,
            "{rung}: {} s of {duration} s",
            rendition.extinf
        );
        keys.push(
            rendition
                .keys
                .iter()
                .map(|&key| (key as f64 * rendition.tick * 1e6).round())
                .collect::<Vec<_>>(),
        );
    }
    assert!(
        keys.iter().all(|other| *other == keys[0]),
        "key frames differ between rungs: {keys:?}"
    );
    for audio in ["audio-96", "audio-64"] {
        hls::rendition(&folder.join(audio)).assert_continuous();
    }
    assert_eq!(hls::decoded_frames(&folder.join("480p/index.m3u8")), source_frames);
    let left = fs_err::read_dir(folder.parent().unwrap())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name());
    let left: Vec<_> = left.collect();
    assert!(!left.iter().any(|name| name == "work"), "{left:?}");
    assert_no_ffmpeg(data.path());
}

#[tokio::test]
async fn flash_and_beep_stay_together() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let clip = Clip::flash_and_beep().seconds(14);
    let before = fixtures::marks::offsets(&clip.path());
    let url = serve_file(clip.path()).await;
    let id = product.submit(&url, json!({"resolutions": ["240p"]})).await;
    product.ready(&id).await;
    let after = fixtures::marks::offsets(&outputs(data.path(), &id).join("master.m3u8"));
    assert_eq!(before.len(), after.len(), "{before:?} {after:?}");
    for (second, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(
            (before - after).abs() <= 0.010,
            "mark {second}: {before} s apart before, {after} s after"
        );
    }
}

#[tokio::test]
async fn sound_that_steps_keeps_its_length() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    // Looping leaves a step of one AAC frame between the time stamps and the samples.
    let looped = web.path().join("looped.mp4");
    let made = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap())
        .args(["-v", "error", "-stream_loop", "2", "-i"])
        .arg(fixtures::repo_root().join("crates/fixtures/clips/demo.mp4"))
        .args(["-t", "49.6", "-vf", "scale=64:36", "-preset", "ultrafast", "-c:a", "aac"])
        .arg(&looped)
        .status()
        .unwrap();
    assert!(made.success());
    let id = product.submit(&serve_file(looped).await, json!({"preset": "ultrafast"})).await;
    product.ready(&id).await;
    let sound = hls::rendition(&outputs(data.path(), &id).join("audio-64"));
    sound.assert_continuous();
    assert!((sound.extinf - 49.6).abs() < 0.2, "{} s of sound", sound.extinf);
}

#[tokio::test]
async fn a_short_rest_joins_the_last_segment() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let clip = Clip::new().seconds("12.2").fps("25");
    let url = serve_file(clip.path()).await;
    let id = product.submit(&url, json!({"resolutions": ["240p"], "preview": true})).await;
    product.ready(&id).await;
    let folder = outputs(data.path(), &id);
    // The preview of a short video is all of it, copied fragment by fragment.
    for folder in [folder.clone(), folder.join("preview")] {
        let video = if folder.ends_with("preview") { "video" } else { "240p" };
        let picture = hls::rendition(&folder.join(video));
        picture.assert_continuous();
        assert_eq!((picture.segments.len(), picture.pts.len()), (2, 305), "{}", folder.display());
    }
    let sound = hls::rendition(&folder.join("audio-64"));
    sound.assert_continuous();
    assert_eq!(sound.segments.len(), 2);
}
