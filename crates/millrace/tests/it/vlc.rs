//! VLC reads every video packet of a result.

use fixtures::Clip;
use serde_json::json;

use crate::{
    product::{Flags, Product, data},
    sources::serve_file,
};

#[tokio::test]
async fn vlc_reads_every_video_packet() {
    let Some(vlc) = fixtures::require_or_skip("cvlc") else { return };
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let clip = Clip::new().size(320, 240).seconds(14).fps("25");
    let url = serve_file(clip.path()).await;
    let id = product.submit(&url, json!({"resolutions": ["240p"], "preset": "ultrafast"})).await;
    let video = product.ready(&id).await;
    let master = video["outputs"]["master"].as_str().unwrap().to_owned();
    assert!(master.starts_with(product.media()), "{master}");
    let copy = tempfile::Builder::new().suffix(".mkv").tempfile_in("/tmp").unwrap();
    let sink = format!("#standard{{access=file,mux=mkv,dst={}}}", copy.path().display());
    // VLC refuses to run as root; `nobody` may write the file it is given.
    std::os::unix::fs::chown(copy.path(), Some(65534), None).ok();
    let ran = fixtures::tools::command("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(vlc)
        .args(["--no-one-instance", "--sout", &sink, &master, "vlc://quit"])
        .env("HOME", "/tmp")
        .output()
        .unwrap();
    let frames = crate::hls::decoded_frames(copy.path());
    assert_eq!(frames, u64::from(clip.frames()), "{}", String::from_utf8_lossy(&ran.stderr));
}
