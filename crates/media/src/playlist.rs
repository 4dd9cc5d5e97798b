//! HLS playlists as text (RFC 8216): the same input gives the same bytes.
//!
//! Written with plain formatting: a playlist writer would print durations as floating point, and
//! here their printed digits must add up. Where the files are kept is not known here.

mod address;
mod bandwidth;
mod compose;
mod labels;
mod master;
mod selection;

use std::fmt::Write as _;

pub use address::{absolute, is_playlist, made_absolute, relative, resolve, uris, with_uris};
pub use bandwidth::{Bandwidth, bandwidth};
pub use compose::{codecs, compose, sound_of};
pub use labels::labels;
pub use master::{
    AudioRendition, Master, SessionData, SubtitleRendition, Variant, master_playlist,
};

use crate::manifest::Segment;

/// First lines of every playlist. Version 7 is the least that allows fMP4 with all tags used here.
const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n";
/// Microseconds, the resolution of printed durations.
const MICROS: u64 = 1_000_000;

/// One rendition's playlist.
#[derive(Clone, Copy, Debug)]
pub struct MediaPlaylist<'a> {
    /// Ticks per second of the segment durations.
    pub timescale: u32,
    /// URI of the initialisation segment, relative to the playlist.
    pub init: &'a str,
    /// All segments in order; their names are URIs relative to the playlist.
    pub segments: &'a [Segment],
}

/// Writes the playlist of a finished rendition.
///
/// The sum of the printed durations is the exact duration to within half a microsecond, however
/// many segments there are: each is the difference of two rounded instants.
pub fn media_playlist(playlist: &MediaPlaylist<'_>) -> String {
    let durations = durations_us(playlist.segments, playlist.timescale);
    let mut text = String::from(HEAD);
    line(&mut text, format_args!("#EXT-X-TARGETDURATION:{}", target_duration(&durations)));
    line(&mut text, format_args!("#EXT-X-MEDIA-SEQUENCE:0"));
    line(&mut text, format_args!("#EXT-X-PLAYLIST-TYPE:VOD"));
    line(&mut text, format_args!("#EXT-X-MAP:URI=\"{}\"", clean(playlist.init)));
    for (segment, us) in playlist.segments.iter().zip(&durations) {
        line(&mut text, format_args!("#EXTINF:{}.{:06},", us / MICROS, us % MICROS));
        line(&mut text, format_args!("{}", clean(&segment.name)));
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// Segments a media playlist names, in order.
pub fn segment_uris(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Durations in microseconds whose running sums are the rounded exact instants.
fn durations_us(segments: &[Segment], timescale: u32) -> Vec<u64> {
    let scale = u128::from(timescale.max(1));
    let (mut ticks, mut printed) = (0_u128, 0_u64);
    let next = |segment: &Segment| {
        ticks += u128::from(segment.duration);
        let until = (ticks * u128::from(MICROS) + scale / 2) / scale;
        let until = u64::try_from(until).unwrap_or(u64::MAX);
        let duration = until - printed;
        printed = until;
        duration
    };
    segments.iter().map(next).collect()
}

/// Whole seconds no duration exceeds once rounded to nearest (RFC 8216, 4.3.3.1); at least 1.
fn target_duration(durations_us: &[u64]) -> u64 {
    let longest = durations_us.iter().copied().max().unwrap_or(0);
    ((longest + MICROS / 2) / MICROS).max(1)
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content)
        .and_then(|()| text.write_char('\n'))
        .expect("writing to a String cannot fail");
}

/// A name from outside as it may stand between quotes or on a line of its own. Playlists have no
/// escapes, so what could end the string or the line is left out (RFC 8216, 4.2).
fn clean(text: &str) -> String {
    text.chars().filter(|c| *c != '"' && !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    fn segments(durations: &[u64]) -> Vec<Segment> {
        let segment = |(index, &duration): (u32, &u64)| Segment {
            name: format!("seg-{index:05}-1.m4s"),
            index,
            bytes: 1000,
            decode_time: 0,
            duration,
            samples: 1,
            key_samples: vec![],
            odd_packets: 0,
        };
        (0..).zip(durations).map(segment).collect()
    }

    fn written(timescale: u32, durations: &[u64]) -> String {
        let segments = segments(durations);
        media_playlist(&MediaPlaylist { timescale, init: "init-1.mp4", segments: &segments })
    }

    #[test]
    fn a_media_playlist_is_complete() {
        let segment = 180 * 1001;
        expect![[r#"
            #EXTM3U
            #EXT-X-VERSION:7
            #EXT-X-INDEPENDENT-SEGMENTS
            #EXT-X-TARGETDURATION:6
            #EXT-X-MEDIA-SEQUENCE:0
            #EXT-X-PLAYLIST-TYPE:VOD
            #EXT-X-MAP:URI="init-1.mp4"
            #EXTINF:6.006000,
            seg-00000-1.m4s
            #EXTINF:6.006000,
            seg-00001-1.m4s
            #EXTINF:0.033367,
            seg-00002-1.m4s
            #EXT-X-ENDLIST
        "#]]
        .assert_eq(&written(30_000, &[segment, segment, 1001]));
    }

    #[test]
    fn rounding_is_carried_from_segment_to_segment() {
        let text = written(3, &[1; 6]);
        let printed: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")).collect();
        let third = ["0.333333,", "0.333334,", "0.333333,"];
        assert_eq!(printed, [third, third].concat());
    }

    #[test]
    fn the_target_is_the_longest_duration_rounded_to_nearest() {
        for (ticks, target) in [(6_499, 6), (6_500, 7), (6_501, 7), (400, 1), (0, 1)] {
            let text = written(1000, &[300, ticks]);
            assert!(text.contains(&format!("\n#EXT-X-TARGETDURATION:{target}\n")), "{ticks}");
        }
    }

    proptest! {
        #[test]
        fn printed_durations_add_up(
            timescale in 1_u32..200_000,
            durations in prop::collection::vec(0_u64..2_000_000, 1..300),
        ) {
            let text = written(timescale, &durations);
            let printed = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
            let micros = |line: &str| line.trim_end_matches(',').replace('.', "").parse::<u128>();
            let sum: u128 = printed.map(|line| micros(line).unwrap()).sum();
            let exact = durations.iter().sum::<u64>();
            // Twice the difference, in units of 1 / timescale microseconds.
            let difference = (2 * sum * u128::from(timescale)).abs_diff(2 * u128::from(exact * MICROS));
            prop_assert!(difference <= u128::from(timescale));
        }
    }

    #[test]
    fn an_independent_reader_understands_it() {
        use quick_m3u8::{HlsLine, Reader, config::ParsingOptions, tag::hls};
        let text = written(25, &[150, 150, 30]);
        let mut reader = Reader::from_str(&text, ParsingOptions::default());
        let (mut total, mut uris) = (0.0, 0);
        while let Some(line) = reader.read_line().unwrap() {
            match line {
                HlsLine::KnownTag(quick_m3u8::tag::KnownTag::Hls(hls::Tag::Inf(inf))) => {
                    total += inf.duration();
                }
                HlsLine::Uri(_) => uris += 1,
                HlsLine::Blank | HlsLine::UnknownTag(_) => panic!("{line:?}"),
                _ => {}
            }
        }
        assert!((total - 13.2_f64).abs() < 1e-9 && uris == 3, "{total} {uris}");
    }
}
