//! The page at `/`, used with the keyboard alone: submit, watch the chunks, play, seek, delete.

use std::path::{Path, PathBuf};

use fixtures::Clip;
use serde_json::{Value, json};

use crate::{
    chromium::Chromium,
    held::Held,
    product::{Flags, Product, data},
    sources::serve_file,
};

/// Would add an element, and call home, were it ever read as markup.
const HOSTILE: &str = "<img src=x onerror=\"document.title='owned'\"><b>&amp; co</b>";
/// Where the second chapter of the film begins, in seconds.
const SECOND_CHAPTER: u32 = 12;
/// Notes every chunk map that is shown.
const WATCH: &str = "globalThis.maps = []; new MutationObserver(() => {
    const map = document.querySelector('[data-map]')?.dataset.map;
    if (map && map !== maps.at(-1)) maps.push(map);
}).observe(document, { childList: true, subtree: true })";
/// What the page has asked for.
const ASKED: &str = "performance.getEntriesByType('resource')";

/// Test card of four chunks in two chapters, with two sounds and a text.
fn film(folder: &Path) -> PathBuf {
    let chapter = |start, end, title: &str| {
        format!("[CHAPTER]\nTIMEBASE=1/1\nSTART={start}\nEND={end}\ntitle={title}\n")
    };
    let listed = folder.join("chapters.txt");
    let title = HOSTILE.replace('=', "\\=").replace(';', "\\;");
    let chapters = [chapter(0, SECOND_CHAPTER, "Beginning"), chapter(SECOND_CHAPTER, 24, &title)];
    fs_err::write(&listed, format!(";FFMETADATA1\n{}", chapters.concat())).unwrap();
    let text = folder.join("text.srt");
    fs_err::write(&text, "1\n00:00:01,000 --> 00:00:23,000\nSomebody speaks\n").unwrap();
    let (clip, film) = (Clip::new().size(640, 480).seconds(24).path(), folder.join("film.mp4"));
    let mut ffmpeg = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
    ffmpeg.args(["-v", "error", "-i"]).arg(clip).arg("-i").arg(listed).arg("-i").arg(text);
    let output = "-map 0:v -map 0:a -map 0:a -map 2 -map_chapters 1 -c copy -c:s mov_text \
        -metadata:s:a:0 language=eng -metadata:s:a:1 language=fre -metadata:s:s:0 language=eng";
    ffmpeg.args(output.split_whitespace());
    assert!(ffmpeg.arg(&film).status().unwrap().success());
    film
}

/// Fills the form and sends it, after two tries that are refused at the field.
fn submit(tab: &mut Chromium, url: &str) {
    tab.tab_to("#url");
    tab.key("Enter");
    tab.until("document.querySelector('#url-fault').textContent.includes('Enter the URL')");
    tab.type_text("ftp://example.com/film.mp4");
    tab.key("Enter");
    tab.until("document.querySelector('#url-fault').textContent.includes('must begin with `http')");
    assert_eq!(tab.read("document.activeElement.id"), "url");
    assert_eq!(tab.read("document.activeElement.getAttribute('aria-invalid')"), "true");
    // What the API refuses, Chromium notes as an error of the network.
    let noted = tab.complaints();
    assert!(noted.iter().all(|entry| entry["entry"]["source"] == "network"), "{noted:#?}");
    tab.read("document.activeElement.select()");
    tab.type_text(url);
    tab.tab_to("#title");
    tab.type_text(HOSTILE);
    tab.tab_to("summary");
    tab.key("Enter");
    tab.tab_to("#options");
    tab.type_text(r#"{"resolutions": ["480p", "240p"], "preset": "fast"}"#);
    tab.tab_to("#new [type=submit]");
    tab.key("Enter");
    tab.until("location.hash.startsWith('#/videos/')");
}

/// Sees chunks go from waiting over being encoded to done, in every rung.
fn watch(tab: &mut Chromium, held: &Held) {
    tab.until("document.querySelectorAll('.map-row').length === 2");
    let rects = "document.querySelectorAll('.map-row:first-child rect').length";
    assert_eq!(tab.read(rects), 4);
    tab.until("maps.some((map) => map.includes('.') && map.includes('>'))");
    held.release();
    tab.until("document.querySelector('[data-map]')?.ariaLabel.match(/^[1-9]\\d* of 4 chunks/)");
    tab.picture("page-progress");
    tab.until("document.querySelector('video')");
    let maps: Vec<String> = serde_json::from_value(tab.read("maps")).unwrap();
    let done = |map: &String| map.matches('#').count();
    assert!(maps.iter().all(|map| map.len() == 4), "{maps:?}");
    assert!(maps.is_sorted_by_key(done) && maps.last().map(done) > Some(0), "{maps:?}");
}

/// Plays, changes the rung and goes to a chapter.
fn play(tab: &mut Chromium) {
    let video = "document.querySelector('video')";
    tab.tab_to("video");
    tab.key("Space");
    // From then on as slowly as a browser can, so that on no machine the film is over before all is done.
    tab.until(&format!("{video}.currentTime > 1.5 && ({video}.playbackRate = 1 / 16)"));
    let decoded = format!("{video}.getVideoPlaybackQuality().totalVideoFrames");
    assert!(tab.read(&decoded).as_u64() > Some(0));

    tab.tab_to(".controls select");
    let choices = "[...document.querySelector('.controls select').options].map((o) => o.text)";
    assert_eq!(tab.read(choices), json!(["auto", "480p", "240p"]));
    for (rung, width) in [("480p", 640), ("240p", 320)] {
        tab.key("ArrowDown");
        tab.until(&format!("document.querySelector('#playing').textContent === 'Playing {rung}'"));
        tab.until(&format!("{video}.videoWidth === {width}"));
    }

    tab.tab_to(".controls span:nth-of-type(2) select");
    tab.key("ArrowDown");
    tab.until(&format!("{ASKED}.some(({{ name }}) => /\\/audio-\\d+-1\\//.test(name))"));
    tab.tab_to(".controls span:nth-of-type(3) select");
    tab.key("ArrowDown");
    let shown =
        "[...document.querySelector('video').textTracks].filter((t) => t.mode === 'showing')";
    tab.until(&format!("{shown}[0]?.activeCues?.[0]?.text === 'Somebody speaks'"));

    tab.tab_to(".chapters li:nth-child(2) button");
    assert_eq!(tab.read("document.activeElement.lastChild.textContent"), HOSTILE);
    tab.key("Enter");
    tab.until(&format!("{video}.currentTime >= {SECOND_CHAPTER} && !{video}.seeking"));
    let now = tab.read(&format!("{video}.currentTime")).as_f64().unwrap();
    assert!(now < f64::from(SECOND_CHAPTER) + 10.0, "{now}");
    tab.until("document.activeElement.ariaCurrent === 'true'");
}

/// Nothing is wider than a phone, in either colour scheme.
pub(crate) fn fits(tab: &mut Chromium, name: &str) {
    tab.picture(&format!("page-{name}-desktop"));
    tab.resize(360, 740);
    for scheme in ["light", "dark"] {
        tab.scheme(scheme);
        let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(
            (tab.read(wide), tab.read("innerWidth")),
            (json!(0), json!(360)),
            "{name}, {scheme}"
        );
        tab.picture(&format!("page-{name}-phone-{scheme}"));
    }
    tab.resize(1200, 900);
    tab.picture(&format!("page-{name}-desktop-dark"));
    tab.scheme("light");
}

/// The list is looked at again, and the focus stays where it is.
fn keeps_the_place(tab: &mut Chromium) {
    let looks = format!("{ASKED}.filter(({{ name }}) => name.includes('/videos?')).length");
    let before = tab.read(&looks);
    tab.until(&format!("{looks} >= {before} + 2"));
    assert_eq!(tab.read("document.activeElement.matches('#list a')"), true);
}

/// Deletes the video that is shown, once it is asked twice.
fn delete(tab: &mut Chromium) {
    tab.tab_to(".actions button.bad");
    tab.key("Enter");
    tab.until("document.querySelector('#sure').open");
    tab.key("Escape");
    // The page hears of the end of a dialogue a moment after it is gone.
    tab.until("!document.querySelector('#sure[open], .actions [aria-disabled]')");
    tab.tab_to(".actions button.bad");
    tab.key("Enter");
    tab.until("document.querySelector('#sure').open");
    tab.tab_to("#sure button.bad");
    tab.key("Enter");
    tab.until("location.hash === '#/'");
    tab.until("!document.querySelector('#empty').hidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_is_submitted_watched_played_and_deleted_by_keyboard() {
    let Some(chromium) = fixtures::require_or_skip("chromium") else { return };
    let data = data();
    let Some(held) = Held::new(data.path()) else { return };
    // Half of the chunks wait, so that every state of one is seen.
    let flags = held.flags(Flags::short_chunks().and(["--parallel-chunks", "2"]));
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let url = serve_file(film(data.path())).await;
    let mut tab = Chromium::start(&chromium, 1200, 900);
    tab.call("Page.addScriptToEvaluateOnNewDocument", &json!({"source": WATCH}));
    tab.open(&format!("{}/", product.api()));
    submit(&mut tab, &url);
    watch(&mut tab, &held);
    assert_eq!(tab.read("document.querySelector('#video h1').textContent"), HOSTILE);
    play(&mut tab);
    fits(&mut tab, "video");
    tab.tab_to(".brand");
    tab.key("Enter");
    tab.until("document.querySelector('#list strong')?.textContent.includes('onerror')");
    fits(&mut tab, "list");
    assert_eq!(tab.read("document.querySelector('[src=x], strong b, h1 b')"), Value::Null);
    assert_eq!(tab.read("document.title"), "Millrace");
    tab.tab_to("#list a");
    keeps_the_place(&mut tab);
    tab.key("Enter");
    tab.until("document.querySelector('video')");
    delete(&mut tab);
    assert_eq!(tab.complaints(), Vec::<Value>::new());
}
