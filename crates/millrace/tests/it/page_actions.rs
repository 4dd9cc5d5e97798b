//! Buttons of a video on the page at `/`, pressed by keyboard: Cancel and Try again.

use fixtures::Clip;
use serde_json::{Value, json};

use crate::{
    chromium::Chromium,
    product::{Flags, Product, assert_no_ffmpeg, data, ffmpegs_on},
    sources::serve,
};

/// Nobody is there: a message that does not arrive is no fault of the video.
const HOOK: &str = "http://hooks.example.com/millrace";

/// Presses the first button of the video, which must be the one that is named.
fn press(tab: &mut Chromium, name: &str) {
    let first = "document.querySelector('.actions button')";
    tab.until(&format!("{first}?.textContent === {name:?}"));
    tab.tab_to(".actions button");
    tab.key("Enter");
}

/// The page tells of warnings, of the webhook, and where the export lies.
fn shows_what_else_is_known(tab: &mut Chromium) {
    let warning = tab.read("document.querySelector('.warnings code').textContent");
    assert_eq!(warning, "rung_dropped");
    let told = tab.read("[...document.querySelectorAll('dd')].map((is) => is.textContent)");
    for expected in [HOOK, "published/late/master.m3u8"] {
        assert!(told.as_array().unwrap().contains(&json!(expected)), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn videos_are_cancelled_and_tried_again_by_keyboard() {
    let Some(chromium) = fixtures::require_or_skip("chromium") else { return };
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let base = serve(web.path().to_owned()).await;
    let long = Clip::new().size(640, 480).seconds(30);
    fs_err::copy(long.path(), web.path().join("long.mp4")).unwrap();
    let options = json!({"resolutions": ["1080p", "240p"], "output_prefix": "late"});
    let asked =
        json!({"url": format!("{base}/late.mp4"), "options": options, "webhook": {"url": HOOK}});
    let (status, late) = product.post("/videos", asked).await;
    assert_eq!(status, 202, "{late}");
    let late = late["id"].as_str().unwrap();
    let options = json!({"resolutions": ["480p"], "preset": "slow"});
    let long = product.submit(&format!("{base}/long.mp4"), options).await;

    let mut tab = Chromium::start(&chromium, 1200, 900);
    tab.open(&format!("{}/#/videos/{long}", product.api()));
    product.until(&long, |_| !ffmpegs_on(data.path()).is_empty()).await;
    press(&mut tab, "Cancel");
    tab.until("document.querySelector('.status.cancelled')");
    assert_eq!(tab.read("document.activeElement.textContent"), "Try again");
    assert_eq!(tab.read("document.querySelector('#said').textContent"), "long.mp4 is cancelled");

    tab.open(&format!("{}/#/videos/{late}", product.api()));
    tab.until("document.querySelector('.notice code')?.textContent === 'source_not_found'");
    tab.picture("page-failed");
    fs_err::copy(Clip::new().seconds(3).path(), web.path().join("late.mp4")).unwrap();
    press(&mut tab, "Try again");
    tab.until("document.querySelector('.video-head').textContent.includes('attempt 2')");
    tab.until("document.querySelector('video')");
    assert_eq!(tab.read("document.querySelector('.fault').textContent"), "");
    shows_what_else_is_known(&mut tab);
    assert_no_ffmpeg(data.path());
    assert_eq!(tab.complaints(), Vec::<Value>::new());
}
