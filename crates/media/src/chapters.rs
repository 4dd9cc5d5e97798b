//! Chapters: from scene changes or from the source's own list, and the files they become.
//!
//! What a change of picture measures comes from `ffmpeg`; here it is decided which changes begin a
//! chapter.

use serde::Serialize;

use crate::{
    rate::Grid,
    vtt::{self, Cue},
};

/// Share of the contrast that a sudden change must reach to score one half.
const HALF: f64 = 0.22;
/// Contrast taken for pictures that have less, in luma levels: the noise of a black picture is no
/// scene change.
const CONTRAST_MIN: f64 = 40.0;
/// Chapters written at most, so that a list of ten hours stays readable for players.
const CHAPTERS_MAX: usize = 10_000;

/// A picture that differs from the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Its time from the first picture, in microseconds.
    pub at_us: i64,
    /// Mean change of brightness in levels (of 256), as far as it is sudden: steady motion and fades
    /// change every picture alike and count little.
    pub jump: f64,
    /// Levels between the darkest and the brightest tenth of the picture.
    pub contrast: f64,
}

impl Change {
    /// How much of a scene change it is: 0 is none, 1 is never reached. The jump is weighed against
    /// the picture's contrast, so that cuts between dark pictures count as much as others.
    pub fn score(&self) -> f64 {
        let half = HALF * self.contrast.max(CONTRAST_MIN);
        self.jump / (self.jump + half)
    }

    /// The smallest jump that may score `threshold`, in levels.
    pub fn jump_min(threshold: f64) -> f64 {
        let threshold = threshold.clamp(0.0, 0.999);
        threshold / (1.0 - threshold) * HALF * CONTRAST_MIN
    }
}

/// A part of the video with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Chapter {
    /// Begin in milliseconds.
    pub start_ms: u64,
    /// End in milliseconds.
    pub end_ms: u64,
    /// What players show.
    pub title: String,
}

/// Output frames at which scenes begin, the first being 0: changes that score `threshold` or more,
/// each placed on the grid. Scenes shorter than `min_seconds` are joined with the one before.
pub fn scenes(changes: &[Change], threshold: f64, min_seconds: f64, grid: Grid) -> Vec<u64> {
    let length = |from: u64, to: u64| grid.seconds(to) - grid.seconds(from);
    // Times of whole frames may miss a whole second by the last digit.
    let long_enough = |from, to| to > from && length(from, to) >= min_seconds - 1e-6;
    let mut starts = vec![0];
    for change in changes.iter().filter(|change| change.score() >= threshold) {
        let frame = frame_at(change.at_us, grid);
        let last = starts.last().copied().unwrap_or(0);
        if long_enough(last, frame) && starts.len() < CHAPTERS_MAX {
            starts.push(frame);
        }
    }
    while starts.len() > 1 && starts.last().is_some_and(|&last| !long_enough(last, grid.frames)) {
        starts.pop();
    }
    starts
}

/// The frame of the grid that shows what the source shows at this time.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the grid")]
pub fn frame_at(us: i64, grid: Grid) -> u64 {
    let frame = (us as f64 / 1e6 * grid.rate.as_f64()).round().max(0.0) as u64;
    frame.min(grid.frames.saturating_sub(1))
}

/// One chapter per scene, named by its number.
pub fn of_scenes(starts: &[u64], grid: Grid) -> Vec<Chapter> {
    let ends = starts.iter().skip(1).copied().chain([grid.frames]);
    let chapters = starts.iter().zip(ends).zip(1..).map(|((&start, end), number)| Chapter {
        start_ms: millis(grid.micros(start)),
        end_ms: millis(grid.micros(end)),
        title: format!("Chapter {number}"),
    });
    chapters.collect()
}

/// A chapter as the source lists it, on the output's clock; it may begin before zero or end after
/// the video, or have neither end nor title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Begin in microseconds.
    pub start_us: i64,
    /// End in microseconds.
    pub end_us: Option<i64>,
    /// Its name.
    pub title: Option<String>,
}

/// The source's chapters in order, within the video, none reaching into the next, empty ones left
/// out; those without a name are named by their number.
pub fn imported(mut listed: Vec<Listed>, duration_us: i64) -> Vec<Chapter> {
    listed.retain(|chapter| chapter.end_us.is_none_or(|end| end > chapter.start_us));
    listed.sort_by_key(|chapter| chapter.start_us);
    let mut nexts: Vec<i64> = listed.iter().skip(1).map(|next| next.start_us).collect();
    nexts.push(duration_us);
    let mut chapters = Vec::new();
    for (chapter, next) in listed.into_iter().zip(nexts) {
        let limit = next.clamp(0, duration_us.max(0));
        let end = chapter.end_us.unwrap_or(limit).min(limit);
        let (start_ms, end_ms) = (millis(chapter.start_us), millis(end));
        if end_ms <= start_ms || chapters.len() == CHAPTERS_MAX {
            continue;
        }
        let title = chapter.title.filter(|title| !title.trim().is_empty());
        let title = title.unwrap_or_else(|| format!("Chapter {}", chapters.len() + 1));
        chapters.push(Chapter { start_ms, end_ms, title });
    }
    chapters
}

/// The chapters as WebVTT, for `<track kind="chapters">`.
pub fn vtt(chapters: &[Chapter]) -> String {
    let cues = chapters.iter().map(|chapter| Cue {
        start_ms: chapter.start_ms,
        end_ms: chapter.end_ms,
        text: chapter.title.clone(),
        settings: None,
    });
    vtt::write(&cues.collect::<Vec<_>>())
}

/// A chapter in the JSON that HLS players read (`com.apple.hls.chapters`).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HlsChapter {
    chapter: usize,
    start_time: f64,
    duration: f64,
    titles: [HlsTitle; 1],
}

/// A chapter's title in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct HlsTitle {
    language: &'static str,
    title: String,
}

/// The chapters in the form HLS players read. Their language is not known, which BCP 47 calls `und`.
pub fn hls(chapters: &[Chapter]) -> Vec<HlsChapter> {
    let entries = chapters.iter().zip(1..).map(|(chapter, number)| HlsChapter {
        chapter: number,
        start_time: chapter.start_ms as f64 / 1000.0,
        duration: (chapter.end_ms - chapter.start_ms) as f64 / 1000.0,
        titles: [HlsTitle { language: "und", title: chapter.title.clone() }],
    });
    entries.collect()
}

fn millis(us: i64) -> u64 {
    u64::try_from((us + 500).div_euclid(1000)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn grid(rate: &str, frames: u64) -> Grid {
        Grid { rate: rate.parse().unwrap(), frames }
    }

    fn change(at_us: i64, jump: f64, contrast: f64) -> Change {
        Change { at_us, jump, contrast }
    }

    #[test]
    fn a_jump_counts_by_the_contrast_of_its_picture() {
        let scores = [(0.0, 120.0), (10.0, 40.0), (10.0, 5.0), (10.0, 200.0), (255.0, 40.0)]
            .map(|(jump, contrast)| change(0, jump, contrast).score());
        assert!(scores[0] == 0.0 && scores[1] > 0.5 && scores[3] < 0.2 && scores[4] < 1.0);
        assert_eq!(scores[1].to_bits(), scores[2].to_bits(), "black pictures have noise");
        for threshold in [0.0, 0.2, 0.4, 0.9] {
            let score = change(0, Change::jump_min(threshold), 0.0).score();
            assert!((score - threshold).abs() < 1e-9, "{threshold}: {score}");
        }
    }

    #[test]
    fn scenes_begin_at_changes_and_last_long_enough() {
        let grid = grid("30", 300);
        let cut = |ms: i64| change(ms * 1000, 60.0, 100.0);
        let weak = change(3_000_000, 10.0, 100.0);
        let changes = [cut(1000), weak, cut(3033), cut(5000), cut(8500), cut(9000)];
        // Frame 91 is 3.0333 s; 5.0 s is 1.9667 s after it, and after 8.5 s only 1.5 s are left.
        assert_eq!(scenes(&changes, 0.4, 2.0, grid), [0, 91]);
        assert_eq!(scenes(&changes, 0.4, 0.0, grid), [0, 30, 91, 150, 255, 270]);
        assert_eq!(scenes(&changes, 0.2, 2.0, grid), [0, 90, 150]);
        assert_eq!(scenes(&changes, 1.0, 0.0, grid), [0]);
    }

    #[test]
    fn a_video_without_changes_is_one_chapter() {
        let grid = grid("30000/1001", 300);
        let chapters = of_scenes(&scenes(&[], 0.4, 2.0, grid), grid);
        let only = Chapter { start_ms: 0, end_ms: 10_010, title: "Chapter 1".into() };
        assert_eq!(chapters, [only]);
    }

    #[test]
    fn what_the_source_lists_is_brought_into_order() {
        let listed = |start_us, end_us, title: &str| Listed {
            start_us,
            end_us,
            title: (!title.is_empty()).then(|| title.to_owned()),
        };
        let chapters = imported(
            vec![
                listed(4_000_000, Some(99_000_000), "last"),
                listed(-1_000_000, Some(2_500_000), "A & B"),
                listed(2_000_000, None, " "),
                listed(3_000_000, Some(3_500_000), "short"),
                listed(12_000_000, None, "behind"),
                listed(4_000_000, Some(4_000_000), "empty"),
            ],
            10_000_000,
        );
        expect![[r"
            WEBVTT

            00:00:00.000 --> 00:00:02.000
            A &amp; B

            00:00:02.000 --> 00:00:03.000
            Chapter 2

            00:00:03.000 --> 00:00:03.500
            short

            00:00:04.000 --> 00:00:10.000
            last
        "]]
        .assert_eq(&vtt(&chapters));
        expect![[r#"
            [
              {
                "chapter": 1,
                "start-time": 0.0,
                "duration": 2.0,
                "titles": [
                  {
                    "language": "und",
                    "title": "A & B"
                  }
                ]
              },
              {
                "chapter": 2,
                "start-time": 2.0,
                "duration": 1.0,
                "titles": [
                  {
                    "language": "und",
                    "title": "Chapter 2"
                  }
                ]
              },
              {
                "chapter": 3,
                "start-time": 3.0,
                "duration": 0.5,
                "titles": [
                  {
                    "language": "und",
                    "title": "short"
                  }
                ]
              },
              {
                "chapter": 4,
                "start-time": 4.0,
                "duration": 6.0,
                "titles": [
                  {
                    "language": "und",
                    "title": "last"
                  }
                ]
              }
            ]"#]]
        .assert_eq(&serde_json::to_string_pretty(&hls(&chapters)).unwrap());
    }
}
