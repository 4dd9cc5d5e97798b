//! The page at `/` of a service that wants keys.

use fixtures::Clip;
use serde_json::json;

use crate::{
    chromium::Chromium,
    held::Held,
    page_uploads::send,
    product::{Flags, Product, data, keys},
};

/// Answers the question for a key.
fn answer(tab: &mut Chromium, key: &str) {
    tab.until("document.querySelector('#key').open");
    assert_eq!(tab.read("document.activeElement.id"), "key-text");
    tab.type_text(key);
    tab.key("Enter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_works_with_a_key_and_keeps_it_to_its_tab() {
    let Some(chromium) = fixtures::require_or_skip("chromium") else { return };
    let data = data();
    let Some(held) = Held::new(data.path()) else { return };
    let flags = held.flags(Flags::short_chunks());
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let key = keys(data.path(), &["create", "--name", "page"]).remove(0);
    let mut tab = Chromium::start(&chromium, 360, 740);
    tab.open(&format!("{}/", product.api()));
    tab.until("document.querySelector('#key').open");
    tab.picture("page-key-phone");
    tab.key("Escape");
    answer(&mut tab, "mr_mistyped");
    tab.until("document.querySelector('#key-reason').textContent.includes('is not valid')");
    tab.picture("page-key-refused-phone");
    assert_eq!(tab.read("document.querySelector('#key-text').ariaInvalid"), "true");
    answer(&mut tab, &key);
    tab.until("!document.querySelector('#empty').hidden");
    // Each refused call, Chromium notes as an error of the network.
    let noted = tab.complaints();
    assert!(noted.iter().all(|entry| entry["entry"]["source"] == "network"), "{noted:#?}");

    send(&mut tab, &Clip::new().size(320, 240).seconds(3).path());
    tab.until("document.querySelector('[data-map]')?.ariaLabel === '0 of 1 chunks encoded'");
    held.release();
    tab.until("document.querySelector('video')");
    let found = format!("Object.values(sessionStorage).includes({key:?})");
    assert_eq!(tab.read(&found), true);
    let elsewhere = "JSON.stringify(localStorage) + document.cookie + location";
    let elsewhere = tab.read(elsewhere);
    assert!(!elsewhere.as_str().unwrap().contains(&key), "{elsewhere}");
    tab.tab_to(".brand");
    tab.key("Enter");
    tab.until("document.querySelector('#list .status.ready')");
    tab.tab_to("#list a");
    tab.picture("page-list-uploads-phone");
    assert_eq!(tab.complaints(), [json!(null); 0]);
}
