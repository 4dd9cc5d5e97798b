//! Playlists with absolute addresses and no prefix: all of them lead somewhere, and what none of them
//! names is gone. And sound alone of a source with pictures.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use fixtures::Clip;
use serde_json::json;

use crate::{
    compat::addresses,
    hls,
    product::{Flags, Product, data, outputs},
    sources::serve_file,
};

/// Every file below a folder.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { BTreeSet::from([path]) };
    entries.flat_map(below).collect()
}

#[tokio::test]
async fn without_a_prefix_every_address_is_below_the_base_and_names_what_was_kept() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let base = format!("{}videos", product.media());
    let source = serve_file(Clip::new().seconds(8).path()).await;
    let options = json!({"resolutions": ["240p"], "preview": true, "playlist_base_url": base});
    let id = product.submit(&source, options).await;
    let video = product.ready(&id).await;
    let below = format!("{base}/{id}/outputs/");
    let bucket = data.path().join("media/videos");
    let mut waiting = vec![format!("{below}master.m3u8")];
    let preview = outputs(data.path(), &id).join("preview/preview.m3u8");
    assert!(preview.is_file(), "{video:#}");
    waiting.push(format!("{below}preview/preview.m3u8"));
    let (mut seen, mut named) = (BTreeSet::new(), BTreeSet::new());
    while let Some(playlist) = waiting.pop() {
        if !seen.insert(playlist.clone()) {
            continue;
        }
        let (_, text) = product.fetch(&playlist).await;
        for found in addresses(&String::from_utf8(text).unwrap()) {
            assert!(found.starts_with(&below), "{found} in {playlist}");
            product.fetch(&found).await;
            if media::playlist::is_playlist(&found) {
                waiting.push(found);
            } else {
                named.insert(bucket.join(found.strip_prefix(&format!("{base}/")).unwrap()));
            }
        }
    }
    let mut kept = files(&outputs(data.path(), &id));
    kept.retain(|path| path.extension().is_some_and(|extension| extension == "m4s"));
    named.retain(|path| path.extension().is_some_and(|extension| extension == "m4s"));
    assert!(kept.len() >= 6, "{kept:#?}");
    assert_eq!(kept, named);
    assert_eq!(hls::decoded_frames(Path::new(&format!("{below}master.m3u8"))), 240);
}

#[tokio::test]
async fn sound_alone_is_made_of_a_source_with_pictures() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let source = serve_file(Clip::new().seconds(8).path()).await;
    let id = product.submit(&source, json!({"audio_only": true, "waveform": true})).await;
    let video = product.ready(&id).await;
    assert_eq!(video["outputs"]["renditions"], json!([]), "{video:#}");
    assert!(!video["outputs"]["audio"].as_array().unwrap().is_empty(), "{video:#}");
    let folder = outputs(data.path(), &id);
    let master = fs_err::read_to_string(folder.join("master.m3u8")).unwrap();
    assert!(master.contains("mp4a.40.2") && !master.contains("avc1"), "{master}");
    assert!(!master.contains("RESOLUTION"), "{master}");
    let seconds = seconds_of_sound(&folder.join("master.m3u8"));
    assert!((seconds - 8.0).abs() < 0.2, "{seconds}");
    let silent = serve_file(Clip::new().seconds(3).without_audio().path()).await;
    let id = product.submit(&silent, json!({"audio_only": true})).await;
    let failed = product.ended(&id).await;
    assert_eq!(failed["error"]["code"], "no_streams", "{failed:#}");
}

/// How long a playlist lasts, of which a player sees nothing but sound.
fn seconds_of_sound(playlist: &Path) -> f64 {
    let ffprobe = fixtures::tools::ffprobe().unwrap();
    let mut command = fixtures::tools::command(ffprobe);
    command.args(["-v", "error", "-of", "json", "-show_entries"]);
    let output = command.arg("stream=codec_type:format=duration").arg(playlist).output().unwrap();
    let probed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds = probed["streams"].as_array().unwrap().iter();
    let kinds: BTreeSet<&str> = kinds.filter_map(|stream| stream["codec_type"].as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["audio"]));
    probed["format"]["duration"].as_str().unwrap().parse().unwrap()
}
