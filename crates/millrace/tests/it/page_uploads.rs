//! A file of this device on the page at `/`: sent, broken off, gone on with, and sent again.

use std::path::Path;

use fixtures::Clip;
use serde_json::{Value, json};

use crate::{
    chromium::Chromium,
    page::fits,
    product::{Flags, Product, data},
};

/// Notes at which offsets the page sends pieces.
const WATCH: &str = "globalThis.offsets = [];
    const named = XMLHttpRequest.prototype.setRequestHeader;
    XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
        if (name === 'Upload-Offset') offsets.push(Number(value));
        return named.call(this, name, value);
    }";
/// The uploads that the page has spoken to.
const SPOKEN: &str = "[...new Set(performance.getEntriesByType('resource')
    .map(({ name }) => name.match(/\\/uploads\\/([^/]+)$/)?.[1]).filter(Boolean))]";

/// Chooses a file of this device and sends the form, by keyboard where a browser allows it.
pub(crate) fn send(tab: &mut Chromium, file: &Path) {
    tab.tab_to("[name=source]");
    tab.key("ArrowRight");
    tab.until("document.querySelector('[data-source=url]').hidden");
    tab.choose("#file", file);
    tab.tab_to("summary");
    tab.key("Enter");
    tab.tab_to("#options");
    tab.type_text(r#"{"resolutions": ["240p"], "preset": "fast"}"#);
    tab.tab_to("#new [type=submit]");
    tab.key("Enter");
}

/// Lets some of a file arrive and leaves in the middle; gives the id of the upload.
fn break_off(tab: &mut Chromium, file: &Path) -> String {
    let bytes = fs_err::metadata(file).unwrap().len();
    // All of it would take a minute, so that on no machine it is all sent before this tab is left.
    tab.take(i32::try_from(bytes / 60).unwrap());
    send(tab, file);
    tab.until("document.querySelector('#sent').value > 0.05");
    tab.tab_to("#pause");
    tab.key("Enter");
    tab.until("document.querySelector('#pause').textContent === 'Resume'");
    fits(tab, "upload");
    let paused = tab.read("offsets.length").as_u64().unwrap();
    tab.key("Enter");
    tab.until(&format!("offsets.length > {paused} && offsets.at(-1) > 0"));
    let before = tab.read("document.querySelector('#sent').value");
    tab.until(&format!("document.querySelector('#sent').value > {before}"));
    let spoken = tab.read(SPOKEN);
    let [id] = spoken.as_array().unwrap().as_slice() else { panic!("{spoken}") };
    id.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_of_the_page_goes_on_where_it_broke_off() {
    let Some(chromium) = fixtures::require_or_skip("chromium") else { return };
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::default()) else { return };
    let clip = Clip::new().size(640, 480).seconds(8).fps("30");
    let mut tab = Chromium::start(&chromium, 1200, 900);
    tab.call("Page.addScriptToEvaluateOnNewDocument", &json!({"source": WATCH}));
    let page = format!("{}/", product.api());
    tab.open(&page);
    let id = break_off(&mut tab, &clip.path());

    tab.open(&page);
    tab.take(-1);
    let name = clip.path().file_name().unwrap().to_string_lossy().into_owned();
    let named = format!("document.querySelector('#unfinished').textContent.includes({name:?})");
    assert_eq!(tab.read(&named), true);
    // Somebody else is quicker, so that the page hears at the end that the upload is taken.
    let asked = json!({"upload_id": id, "options": {"resolutions": ["240p"]}});
    let (status, video) = product.post("/videos", asked).await;
    assert_eq!((status, &video["status"]), (202, &json!("uploading")), "{video}");
    send(&mut tab, &clip.path());
    tab.until("document.querySelector('#file-fault').textContent");
    assert_eq!(tab.read("document.activeElement.id"), "file");
    assert_eq!(tab.read(SPOKEN), json!([id]));
    assert!(tab.read("offsets[0]").as_u64() > Some(0), "{}", tab.read("offsets"));
    let stored = data.path().join(format!("media/uploads/{id}/original.mp4"));
    let same = fs_err::read(stored).unwrap() == fs_err::read(clip.path()).unwrap();
    assert!(same, "the stored file is another");
    let refused = tab.complaints();
    assert!(refused.iter().all(|entry| entry["entry"]["source"] == "network"), "{refused:#?}");

    tab.tab_to("#new [type=submit]");
    tab.key("Enter");
    tab.until("document.querySelector('video')");
    assert_eq!(tab.read(SPOKEN).as_array().unwrap().len(), 2);
    assert_eq!(tab.read("document.querySelector('#video h1').textContent"), name);
    let from = "[...document.querySelectorAll('dd')].some((is) => is.textContent === NAME)";
    assert_eq!(tab.read(&from.replace("NAME", &json!(name).to_string())), true);
    assert_eq!(tab.read("Object.keys(localStorage)"), json!([]));
    assert_eq!(tab.complaints(), Vec::<Value>::new());
}
