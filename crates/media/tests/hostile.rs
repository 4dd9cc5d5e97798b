//! Inputs that somebody made to do harm: whatever they hold, reading them ends, in time, without a
//! panic, and what is written of them is well formed.
//!
//! `make fuzz` runs the same with as many cases as one has hours for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use media::{
    fmp4::{self, BoxHeader, Fragment, Init},
    language, playlist,
    source::SourceFacts,
    subtitles::{self, Clock, Event},
    vtt::{self, Cue},
};
use proptest::{collection::vec, prelude::*, sample::select};

const VIDEO: &[u8] = include_bytes!("../testdata/video.mp4");
const AUDIO: [&[u8]; 3] = [
    include_bytes!("../testdata/audio-init.mp4"),
    include_bytes!("../testdata/audio-0.m4s"),
    include_bytes!("../testdata/audio-1.m4s"),
];

/// A real file with bytes of it changed, taken out or put in, and its end cut off.
fn spoiled() -> impl Strategy<Value = Vec<u8>> {
    let whole = select(vec![VIDEO.to_vec(), AUDIO.concat(), AUDIO[0].to_vec(), AUDIO[1].to_vec()]);
    let value = prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(0x7f), Just(0x80)];
    let change = (any::<prop::sample::Index>(), value, 0..3_u8);
    (whole, vec(change, 0..24), any::<prop::sample::Index>()).prop_map(
        |(mut bytes, changes, end)| {
            for (at, value, how) in changes {
                // Most of what can be wrong is in the boxes before the media.
                let at = at.index(bytes.len().clamp(1, 2000));
                match how {
                    0 => bytes[at] = value,
                    1 => bytes.insert(at, value),
                    _ => drop(bytes.remove(at)),
                }
            }
            bytes.truncate(bytes.len() - end.index(bytes.len()) / 4);
            bytes
        },
    )
}

fn read_everything(bytes: &[u8]) {
    let _ = BoxHeader::parse(bytes).map(|header| header.body_len());
    if let Ok(layout) = fmp4::split(bytes) {
        let inside =
            |range: &std::ops::Range<usize>| range.start <= range.end && range.end <= bytes.len();
        assert!(layout.fragments.iter().all(inside), "{layout:?}");
    }
    let good = Init::parse(AUDIO[0]).unwrap();
    let init = Init::parse(bytes).unwrap_or(good);
    if let Ok(fragment) = Fragment::parse(bytes, &init) {
        let _ = (fragment.duration(), fragment.first_presentation());
        assert!(fragment.key_samples().len() <= fragment.samples.len());
    }
    for edit in [
        |bytes: &mut [u8]| fmp4::shift_composition(bytes, i64::MAX),
        |bytes: &mut [u8]| fmp4::shift_composition(bytes, -1000),
        |bytes: &mut [u8]| fmp4::delay_decoding(bytes, u64::MAX),
        |bytes: &mut [u8]| fmp4::set_back(bytes, 1000),
        |bytes: &mut [u8]| fmp4::renumber(bytes, u32::MAX),
    ] {
        let _ = edit(&mut bytes.to_vec());
    }
}

/// A text of pieces that mean something to one of the readers, and of others.
fn pieces(known: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => select(known).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => (select(known), 1..400_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const MARKUP: &[&str] = &[
    "{",
    "}",
    "{\\i1}",
    "{\\p1}",
    "{\\r",
    "\\N",
    "\\n",
    "\\h",
    "<i>",
    "</i>",
    "<",
    ">",
    "&",
    "-->",
    "\r",
    "\n",
    "\n\n",
    "WEBVTT",
    "0,0,Default,,0,0,0,,",
    ",",
    "{\\pos(",
    ")",
    "\u{feff}",
    "\0",
];
const PLAYLIST: &[&str] = &[
    "#EXTM3U\n",
    "#EXTINF:6,\n",
    "#EXT-X-MAP:URI=\"",
    "#EXT-X-MEDIA:URI=\"",
    "\"",
    ",",
    "=",
    "\n",
    "\r\n",
    "segment-1.m4s",
    "../",
    "/",
    "https://h/",
    "%2e%2e",
    "?",
    "#",
    "URI=",
    "index.m3u8",
];

fn clock() -> Clock {
    let facts = include_str!("../../workflows/tests/it/facts.json");
    Clock::of(&serde_json::from_str::<SourceFacts>(facts).unwrap())
}

proptest! {
    #[test]
    fn hostile_boxes_are_read_or_refused(bytes in spoiled()) {
        read_everything(&bytes);
    }

    #[test]
    fn hostile_bytes_are_no_boxes(bytes in vec(any::<u8>(), 0..2000)) {
        read_everything(&bytes);
    }

    #[test]
    fn hostile_subtitles_are_well_formed_cues(
        texts in vec((pieces(MARKUP), any::<i64>(), any::<Option<i64>>()), 0..20),
        codec in select(&["ass", "subrip", "webvtt", "mov_text"][..]),
    ) {
        let event = |(ass, start_us, duration_us)| Event { start_us, duration_us, ass };
        let events: Vec<_> = texts.into_iter().map(event).collect();
        let clock = clock();
        let cues = subtitles::cues(codec, &events, &clock);
        prop_assert!(cues.len() <= 2 * events.len() + 1);
        for cue in &cues {
            prop_assert!(cue.start_ms < cue.end_ms, "{cue:?}");
            prop_assert!(!cue.text.contains("-->") && !cue.text.contains('\r'), "{cue:?}");
            prop_assert!(cue.text.lines().all(|line| !line.trim().is_empty()), "{cue:?}");
        }
        if let Some(schedule) = clock.schedule(&cues, usize::MAX) {
            let segment = schedule.segments.iter().flatten().map(|at| &cues[*at]);
            prop_assert!(clock.segment(segment).starts_with("WEBVTT\n"));
        }
    }

    #[test]
    fn hostile_texts_stay_in_their_cue(text in pieces(MARKUP), start_ms in 0..1u64 << 40, ms in 1..1u64 << 40) {
        let cue = Cue { start_ms, end_ms: start_ms + ms, text, settings: None };
        let file = vtt::write(&[cue.clone(), cue]);
        prop_assert_eq!(file.matches(" --> ").count(), 2, "{}", file);
    }

    #[test]
    fn hostile_playlists_are_rewritten_line_by_line(text in pieces(PLAYLIST)) {
        let uris = playlist::uris(&text);
        prop_assert!(uris.len() <= text.len());
        prop_assert!(playlist::segment_uris(&text).len() <= text.lines().count());
        let same = playlist::with_uris(&text, str::to_owned);
        prop_assert_eq!(&playlist::uris(&same), &uris);
        let _ = playlist::made_absolute(&text, "https://cdn.example/x", "a/outputs/index.m3u8");
        for uri in uris {
            if let Some(key) = playlist::resolve("a/b/outputs/index.m3u8", &uri) {
                prop_assert!(key.split('/').all(|part| part != ".."), "{uri:?} is {key:?}");
            }
        }
    }

    #[test]
    fn hostile_languages_are_tags_or_none(text in ".{0,40}") {
        if let Some(tag) = language::tag(&text) {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            prop_assert!(!tag.is_empty() && tag.bytes().all(plain), "{tag:?}");
        }
    }
}
