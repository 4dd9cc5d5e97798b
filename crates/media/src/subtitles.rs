//! Subtitles: from a decoder's output to WebVTT renditions.
//!
//! Every decoder of ffmpeg outputs ASS, so one reader of markup serves every format. When a text is
//! shown, what it may hold and how it is cut into segments is decided here; nothing is read or
//! stored.

mod markup;
mod rendition;

pub use rendition::{Clock, RENDITIONS_BYTES_MAX, Schedule};

use crate::{playlist, source::SubtitleFacts, vtt::Cue};

/// Codecs that consist of text, as ffmpeg names them. Others are pictures, or are not decoded.
const TEXT_CODECS: &[&str] = &[
    "ass",
    "jacosub",
    "microdvd",
    "mov_text",
    "mpl2",
    "pjs",
    "realtext",
    "sami",
    "ssa",
    "stl",
    "subrip",
    "subviewer",
    "subviewer1",
    "text",
    "vplayer",
    "webvtt",
];
/// How long a text without an end is shown at most, in microseconds.
const OPEN_END_US: i64 = 5_000_000;
/// Most bytes of one text that are read; what a screen can show is far less.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Most texts of one track: a film has about two thousand, karaoke ten times as many.
const TEXTS_MAX: usize = 200_000;
/// What players show for a track that the source does not name.
const UNNAMED: &str = "subtitles";

/// A text as ffmpeg decodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it appears, in microseconds on the file's own clock.
    pub start_us: i64,
    /// How long it is shown in microseconds; `None` when the file does not say.
    pub duration_us: Option<i64>,
    /// An ASS event: eight fields and the text, with commas between them.
    pub ass: String,
}

impl SubtitleFacts {
    /// True for a track that can become text.
    pub fn is_text(&self) -> bool {
        TEXT_CODECS.contains(&self.codec.as_str())
    }
}

/// Name and folder of the rendition of text track `track`, counted from 0.
pub fn name(track: usize) -> String {
    format!("subtitles-{track}")
}

/// What players show for each track.
pub fn labels(tracks: &[&SubtitleFacts]) -> Vec<String> {
    playlist::labels(tracks.iter().map(|track| (&track.title, &track.language)), UNNAMED)
}

/// The texts of a track in order of time, on the clock of the output. Their text is WebVTT markup.
///
/// What lies outside the output is cut or left out, and so is what shows nothing: empty texts and
/// drawings. Of one text 8 KiB are read, of one track 200,000 texts. Time and memory grow linearly
/// with the bytes of the track.
pub fn cues(codec: &str, events: &[Event], clock: &Clock) -> Vec<Cue> {
    let mut events: Vec<&Event> = events.iter().take(TEXTS_MAX).collect();
    events.sort_by_key(|event| event.start_us);
    let next_starts = next_starts(&events);
    let seen = |(event, next_start): (&&Event, Option<i64>)| {
        let until = event.duration_us.map_or_else(
            || {
                let longest = event.start_us.saturating_add(OPEN_END_US);
                next_start.map_or(longest, |next| next.min(longest))
            },
            |duration| event.start_us.saturating_add(duration),
        );
        let (start_ms, end_ms) = clock.within(event.start_us, until)?;
        let text = event.ass.splitn(9, ',').nth(8)?;
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        let shown = markup::webvtt(text, codec);
        let settings = shown.top.then(|| "line:0".to_owned());
        (!shown.text.is_empty()).then_some(Cue { start_ms, end_ms, text: shown.text, settings })
    };
    events.iter().zip(next_starts).filter_map(seen).collect()
}

/// For each event, in order of their starts, the first start after its own.
fn next_starts(events: &[&Event]) -> Vec<Option<i64>> {
    let mut found = vec![None; events.len()];
    let pairs = events.windows(2).map(|pair| (pair[0].start_us, pair[1].start_us));
    for (at, (start, next)) in pairs.enumerate().rev() {
        found[at] = if next > start { Some(next) } else { found[at + 1] };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fixtures::source;

    fn event(start_us: i64, duration_us: i64, text: &str) -> Event {
        let ass = format!("0,0,Default,,0,0,0,,{text}");
        Event { start_us, duration_us: (duration_us > 0).then_some(duration_us), ass }
    }

    fn track(title: Option<&str>, language: Option<&str>) -> SubtitleFacts {
        SubtitleFacts {
            stream: 2,
            codec: "subrip".to_owned(),
            language: language.map(str::to_owned),
            title: title.map(str::to_owned),
            default: false,
            forced: false,
            packets: 0,
        }
    }

    #[test]
    fn times_count_from_the_first_picture_and_stay_within_the_video() {
        let mut facts = source("25", 250);
        facts.video.as_mut().unwrap().timeline.start_ticks = 2500;
        facts.video.as_mut().unwrap().timeline.last_ticks = 2749;
        let second = 1_000_000;
        let at =
            |start: i64, duration: i64, text: &str| event(start * second, duration * second, text);
        let events = [
            at(109, 5, "end cut"),
            at(98, 1, "gone before"),
            at(99, 3, "start cut"),
            at(110, 1, "gone after"),
            event(101_234_400, 1_111_000, "overlaps, and has a comma"),
            at(105, 1, "{\\p1}m 0 0 l 9 9{\\p0}"),
            at(106, 0, "open"),
            at(108, 0, "open, long"),
        ];
        let cues = cues("subrip", &events, &Clock::of(&facts));
        let seen: Vec<_> =
            cues.iter().map(|cue| (cue.start_ms, cue.end_ms, cue.text.as_str())).collect();
        assert_eq!(
            seen,
            [
                (0, 2000, "start cut"),
                (1234, 2345, "overlaps, and has a comma"),
                (6000, 8000, "open"),
                (8000, 9000, "open, long"),
                (9000, 10_000, "end cut"),
            ]
        );
    }

    /// Each of these took minutes at a few hundred kilobytes while the work was quadratic.
    #[test]
    fn hostile_texts_take_time_in_proportion_to_their_size() {
        let facts = source("25", 12 * 3600 * 25);
        let clock = Clock::of(&facts);
        let braces = [event(0, 1_000_000, &"{".repeat(4 << 20))];
        let same_start: Vec<_> = (0..150_000).map(|_| event(0, 0, "a")).collect();
        let begun = std::time::Instant::now();
        assert_eq!(cues("ass", &braces, &clock)[0].text.len(), TEXT_BYTES_MAX);
        assert_eq!(cues("ass", &same_start, &clock).len(), 150_000);
        // A debug build does this in about half a second; the quadratic one took over a minute.
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_text_without_an_end_lasts_until_another_begins() {
        let clock = Clock::of(&source("25", 250));
        let open = |start| event(start, 0, "x");
        let events = [open(0), open(0), open(2_000_000), open(2_000_000), open(9_000_000)];
        let ends: Vec<_> =
            cues("subrip", &events, &clock).iter().map(|cue| (cue.start_ms, cue.end_ms)).collect();
        assert_eq!(ends, [(0, 2000), (0, 2000), (2000, 7000), (2000, 7000), (9000, 10_000)]);
    }

    #[test]
    fn pictures_are_no_text() {
        let of = |codec: &str| SubtitleFacts { codec: codec.to_owned(), ..track(None, None) };
        assert!(["subrip", "ass", "mov_text", "webvtt"].iter().all(|codec| of(codec).is_text()));
        let pictures = ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "dvb_teletext", ""];
        assert!(!pictures.iter().any(|codec| of(codec).is_text()));
    }
}
