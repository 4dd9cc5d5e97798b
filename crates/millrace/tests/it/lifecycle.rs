//! A video's life through the API: deleted, tried again.

use fixtures::Clip;
use serde_json::json;

use crate::{
    product::{Flags, Product, assert_no_ffmpeg, data, ffmpegs_on},
    sources::{serve, serve_file},
};

#[tokio::test]
async fn a_deleted_video_leaves_nothing() {
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let url = serve_file(Clip::new().seconds(6).path()).await;
    let options = json!({"resolutions": ["240p"], "thumbnail": {}, "mezzanine": true});
    let ready = product.submit(&url, options).await;
    let made = product.ready(&ready).await;
    assert!(made["outputs"]["mezzanine"].is_object(), "{made:#}");
    let long = serve_file(Clip::new().size(640, 480).seconds(30).path()).await;
    let running = product.submit(&long, json!({"resolutions": ["480p"], "preset": "slow"})).await;
    product.until(&running, |_| !ffmpegs_on(data.path()).is_empty()).await;
    for id in [&ready, &running] {
        assert_eq!(product.delete(&format!("/videos/{id}")).await, 202);
        product.until(id, |answer| answer["status"] == 404).await;
        for bucket in ["videos", "thumbnails", "mezzanine"] {
            let folder = data.path().join("media").join(bucket).join(id);
            assert!(!folder.exists(), "{} is left", folder.display());
        }
    }
    assert_no_ffmpeg(data.path());
}

#[tokio::test]
async fn a_failed_video_is_tried_again() {
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let base = serve(web.path().to_owned()).await;
    let id = product.submit(&format!("{base}/late.mp4"), json!({"resolutions": ["240p"]})).await;
    let failed = product.ended(&id).await;
    assert_eq!(failed["error"]["code"], "source_not_found", "{failed:#}");
    fs_err::copy(Clip::new().seconds(3).path(), web.path().join("late.mp4")).unwrap();
    let (status, answer) = product.post(&format!("/videos/{id}/retry"), json!({})).await;
    assert_eq!(status, 202, "{answer}");
    let video = product.until(&id, |video| video["status"] == "ready").await;
    assert_eq!((&video["attempt"], &video["error"]), (&json!(2), &json!(null)));
}
