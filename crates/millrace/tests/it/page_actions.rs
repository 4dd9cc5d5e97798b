//! Buttons of a video on the page at `/`, pressed by keyboard: Cancel and Try again.

use fixtures::Clip;
use serde_json::{Value, json};

use crate::{
    chromium::Chromium,
    product::{Flags, Product, data, ffmpegs_on},
    sources::serve,
};

/// Presses the first button of the video, which must be the one that is named.
fn press(tab: &mut Chromium, name: &str) {
    let first = "document.querySelector('.actions button')";
    tab.until(&format!("{first}?.textContent === {name:?}"));
    tab.tab_to(".actions button");
    tab.key("Enter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn videos_are_cancelled_and_tried_again_by_keyboard() {
    let Some(chromium) = fixtures::require_or_skip("chromium") else { return };
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let base = serve(web.path().to_owned()).await;
    let long = Clip::new().size(640, 480).seconds(30);
    fs_err::copy(long.path(), web.path().join("long.mp4")).unwrap();
    let late = product.submit(&format!("{base}/late.mp4"), json!({"resolutions": ["240p"]})).await;
    let options = json!({"resolutions": ["480p"], "preset": "slow"});
    let long = product.submit(&format!("{base}/long.mp4"), options).await;

    let mut tab = Chromium::start(&chromium, 1200, 900);
    tab.open(&format!("{}/#/videos/{long}", product.api()));
    product.until(&long, |_| !ffmpegs_on(data.path()).is_empty()).await;
    press(&mut tab, "Cancel");
    tab.until("document.querySelector('.status.cancelled')");
    assert_eq!(tab.read("document.activeElement.textContent"), "Delete");
    assert_eq!(tab.read("document.querySelector('#said').textContent"), "long.mp4 is cancelled");

    tab.open(&format!("{}/#/videos/{late}", product.api()));
    tab.until("document.querySelector('.notice code')?.textContent === 'source_not_found'");
    tab.picture("page-failed");
    fs_err::copy(Clip::new().seconds(3).path(), web.path().join("late.mp4")).unwrap();
    press(&mut tab, "Try again");
    tab.until("document.querySelector('.video-head').textContent.includes('attempt 2')");
    tab.until("document.querySelector('video')");
    assert_eq!(tab.read("document.querySelector('.fault').textContent"), "");
    assert_eq!(ffmpegs_on(data.path()), [0u32; 0]);
    assert_eq!(tab.complaints(), Vec::<Value>::new());
}
