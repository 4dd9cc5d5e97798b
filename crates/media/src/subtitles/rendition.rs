//! The playlist and the segments of a subtitle rendition (RFC 8216, 3.5).

use std::fmt::Write as _;

use crate::{
    plan::{ENCODER_DELAY_SAMPLES, LEAD_FRAMES, SAMPLE_RATE},
    source::SourceFacts,
    vtt::{self, Cue},
};

/// Segments of the picture that one segment of subtitles covers: a minute. Playlists of a video on
/// demand need not agree in their target duration, and a long video is left with few objects.
const SEGMENTS_EACH: u64 = 10;
/// Most bytes in all segments of a rendition together. A text is repeated in every segment that shows
/// it, so a few long ones shown for hours would otherwise fill a disk.
const RENDITION_BYTES_MAX: usize = 64 << 20;
/// Most bytes in all renditions of a video together: memory and disk for two large tracks.
pub const RENDITIONS_BYTES_MAX: usize = 128 << 20;
/// Bytes that a text takes beside itself: a blank line, its times, and where it stands.
const CUE_BYTES: usize = 40;
/// Microseconds per second.
const MICROS: i64 = 1_000_000;

/// When the texts of a video are shown: from its first picture, or first sound, to its end.
/// All of it in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Start of the output on the file's own clock.
    zero: i64,
    /// Length of the output.
    length: i64,
    /// How much later than its decode time everything is shown.
    lead: i64,
    /// Length of a segment.
    segment: i64,
}

/// Which texts the segments of a rendition show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// For each segment the indexes of the texts of which a part is shown within it.
    pub segments: Vec<Vec<usize>>,
    /// Bytes of all segments together, about.
    pub bytes: usize,
}

impl Clock {
    /// The clock of a source's output.
    pub fn of(facts: &SourceFacts) -> Self {
        let zero = facts.start_us();
        if let Some(video) = &facts.video {
            let grid = video.timeline.grid();
            return Self {
                zero,
                length: grid.micros(grid.frames),
                lead: grid.micros(u64::from(LEAD_FRAMES)),
                segment: grid.micros(u64::from(grid.segment_frames()) * SEGMENTS_EACH),
            };
        }
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of any file fit")]
        let length = (facts.duration_seconds() * 1e6).round() as i64;
        let lead = i64::from(ENCODER_DELAY_SAMPLES) * MICROS / i64::from(SAMPLE_RATE);
        Self { zero, length, lead, segment: 60 * MICROS }
    }

    /// A span of the file's own clock as milliseconds of the output; `None` when it is outside.
    pub(super) fn within(&self, start_us: i64, end_us: i64) -> Option<(u64, u64)> {
        let end_of_all = self.length.saturating_add(999) / 1000;
        let ms = |us: i64| {
            let us = us.saturating_sub(self.zero).saturating_add(500);
            us.div_euclid(1000).clamp(0, end_of_all).unsigned_abs()
        };
        let (start, end) = (ms(start_us), ms(end_us));
        (start < end).then_some((start, end))
    }

    /// Number of segments; at least one.
    pub fn segments(&self) -> u32 {
        let length = self.length.max(1).unsigned_abs();
        let count = length.div_ceil(self.segment.max(1).unsigned_abs());
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Name of a segment, relative to the playlist.
    pub fn segment_name(index: u32) -> String {
        format!("seg-{index:05}.vtt")
    }

    /// The playlist of a rendition, as long as the video.
    pub fn playlist(&self) -> String {
        let span = |index: u32| (self.starts_us(index + 1) - self.starts_us(index)).unsigned_abs();
        let longest = (0..self.segments()).map(span).max().unwrap_or(0);
        let target = (longest + 500_000) / 1_000_000;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n",
            target.max(1)
        );
        for index in 0..self.segments() {
            let (seconds, micros) = (span(index) / 1_000_000, span(index) % 1_000_000);
            let name = Self::segment_name(index);
            let _ = writeln!(text, "#EXTINF:{seconds}.{micros:06},\n{name}");
        }
        text.push_str("#EXT-X-ENDLIST\n");
        text
    }

    /// Which texts each segment shows. `None` when all segments together would hold more than 64 MiB,
    /// or than `room` bytes.
    pub fn schedule(&self, cues: &[Cue], room: usize) -> Option<Schedule> {
        let most = RENDITION_BYTES_MAX.min(room);
        let mut segments = vec![Vec::new(); usize::try_from(self.segments()).ok()?];
        let last = i64::from(self.segments()) - 1;
        let us = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
        let mut bytes = 0_usize;
        for (at, cue) in cues.iter().enumerate() {
            // Segments are cut by decode time, and a text is shown one lead after the decode time
            // it is written with: what ends within a lead of a joint is also shown after it.
            let first = us(cue.start_ms).div_euclid(self.segment.max(1)).min(last);
            let end = us(cue.end_ms).saturating_add(self.lead) - 1;
            let until = end.div_euclid(self.segment.max(1)).min(last);
            for segment in first..=until {
                bytes = bytes.saturating_add(cue.text.len() + CUE_BYTES);
                segments[usize::try_from(segment).ok()?].push(at);
            }
            if bytes > most {
                return None;
            }
        }
        Some(Schedule { segments, bytes })
    }

    /// A segment that holds these texts. The time map makes texts and pictures agree: both are
    /// shown one lead after the decode time they are written with.
    pub fn segment<'a>(&self, cues: impl IntoIterator<Item = &'a Cue>) -> String {
        let mpegts = (self.lead * 9 + 50) / 100;
        let mut text = format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{mpegts},LOCAL:00:00:00.000\n");
        for cue in cues {
            vtt::push(&mut text, cue, &cue.text);
        }
        text
    }

    fn starts_us(&self, index: u32) -> i64 {
        self.segment.saturating_mul(i64::from(index)).min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::source::fixtures::{audio, source};

    fn cue(start_ms: u64, end_ms: u64, text: &str) -> Cue {
        Cue { start_ms, end_ms, text: text.to_owned(), settings: None }
    }

    #[test]
    fn the_playlist_is_as_long_as_the_video() {
        let clock = Clock::of(&source("30000/1001", 3700));
        expect![[r"
            #EXTM3U
            #EXT-X-VERSION:7
            #EXT-X-TARGETDURATION:60
            #EXT-X-MEDIA-SEQUENCE:0
            #EXT-X-PLAYLIST-TYPE:VOD
            #EXTINF:60.060000,
            seg-00000.vtt
            #EXTINF:60.060000,
            seg-00001.vtt
            #EXTINF:3.336667,
            seg-00002.vtt
            #EXT-X-ENDLIST
        "]]
        .assert_eq(&clock.playlist());
    }

    #[test]
    fn a_text_is_in_every_segment_that_shows_it() {
        let clock = Clock::of(&source("25", 4000));
        let segment = |index: usize, cues: &[Cue]| {
            let schedule = clock.schedule(cues, usize::MAX).unwrap();
            clock.segment(schedule.segments[index].iter().map(|at| &cues[*at]))
        };
        let cues = [
            cue(0, 500, "first"),
            cue(59_000, 121_000, "<i>long</i>"),
            cue(59_900, 59_950, "edge"),
        ];
        expect![[r"
            WEBVTT
            X-TIMESTAMP-MAP=MPEGTS:7200,LOCAL:00:00:00.000

            00:00:00.000 --> 00:00:00.500
            first

            00:00:59.000 --> 00:02:01.000
            <i>long</i>

            00:00:59.900 --> 00:00:59.950
            edge
        "]]
        .assert_eq(&segment(0, &cues));
        // What ends less than a lead before the joint is shown after it.
        assert!(segment(1, &cues).contains("long") && segment(1, &cues).contains("edge"));
        assert!(segment(2, &cues).contains("long") && !segment(2, &cues).contains("edge"));
        assert_eq!(clock.segments(), 3);
    }

    #[test]
    fn texts_repeated_without_measure_are_refused() {
        let clock = Clock::of(&source("25", 12 * 3600 * 25));
        assert_eq!(clock.segments(), 720);
        let long = |count| vec![cue(0, 12 * 3_600_000, &"x".repeat(8192)); count];
        let bytes = clock.schedule(&long(11), usize::MAX).unwrap().bytes;
        assert_eq!(bytes, 11 * 720 * (8192 + CUE_BYTES));
        assert!(clock.schedule(&long(11), bytes).is_some());
        assert!(clock.schedule(&long(11), bytes - 1).is_none());
        assert!(clock.schedule(&long(12), usize::MAX).is_none());
        // Two megabytes of subtitles: each text has a letter, and would be written 720 times.
        let short = vec![cue(0, 12 * 3_600_000, "x"); 30_000];
        assert!(clock.schedule(&short, usize::MAX).is_none());
    }

    #[test]
    fn sound_alone_has_the_lead_of_its_encoder() {
        let mut facts = source("25", 1);
        facts.video = None;
        facts.audio = vec![audio(2_000_000, 67_500_000)];
        let clock = Clock::of(&facts);
        assert_eq!((clock.zero, clock.segments()), (2_000_000, 2));
        assert!(clock.segment([]).contains("MPEGTS:1920,"));
        assert!(clock.playlist().contains("#EXTINF:5.500000,"));
    }
}
