//! The storyboard of a player's time bar: which moments it shows, and where each picture is.
//!
//! Picture i shows the middle of its interval. All numbers stay bounded however long the video is.

use crate::{
    options::SpritesOption,
    vtt::{self, Cue},
};

/// Shortest interval between two pictures by default, in seconds.
const INTERVAL_MIN_SECONDS: i64 = 2;
/// Pictures by default at most; the interval grows with the video.
const PICTURES: i64 = 500;
/// Pictures at most, whatever interval is asked for.
const PICTURES_MAX: i64 = 3000;
/// Width of a picture by default, in pixels.
const WIDTH: u32 = 160;
/// Columns and rows of a sheet at most.
const SIDE: u32 = 10;
/// Longest side of a sheet in pixels: what every browser decodes.
const SHEET_PIXELS: u32 = 4096;

/// Evenly spread moments of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The first moment, in microseconds from the first picture.
    pub first_us: i64,
    /// From one moment to the next, in microseconds; whole milliseconds.
    pub step_us: i64,
    /// How many.
    pub count: u32,
}

impl Spread {
    /// Moment `index` in microseconds.
    pub fn at_us(&self, index: u32) -> i64 {
        self.first_us + self.step_us * i64::from(index)
    }
}

/// What a storyboard consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storyboard {
    /// The moments shown.
    pub moments: Spread,
    /// Width and height of a picture in pixels, even numbers.
    pub picture: (u32, u32),
    /// Columns and rows of a sheet.
    pub sheet: (u32, u32),
    duration_us: i64,
}

impl Storyboard {
    /// The storyboard of a video of this length and this upright size in square pixels.
    pub fn new(duration_us: i64, display: (f64, f64), option: &SpritesOption) -> Self {
        let duration_us = duration_us.max(1);
        let step_us = interval_us(duration_us, option.interval_seconds);
        let count = u32::try_from(ceiling(duration_us, step_us)).unwrap_or(u32::MAX);
        let picture = picture_size(display, option.width.unwrap_or(WIDTH));
        let fit = |side: u32| (SHEET_PIXELS / side).clamp(1, SIDE);
        let columns = fit(picture.0).min(count);
        let rows = fit(picture.1).min(count.div_ceil(columns));
        // The middle of the first interval, which may be the only one and short.
        let moments = Spread { first_us: step_us.min(duration_us) / 2, step_us, count };
        Self { moments, picture, sheet: (columns, rows), duration_us }
    }

    /// Pictures on a full sheet.
    pub fn per_sheet(&self) -> u32 {
        self.sheet.0 * self.sheet.1
    }

    /// Number of sheets.
    pub fn sheets(&self) -> u32 {
        self.moments.count.div_ceil(self.per_sheet())
    }

    /// The index: one cue per picture, whose text is the address of its sheet and its place there.
    pub fn vtt(&self) -> String {
        let (width, height) = self.picture;
        let millis = |us: i64| u64::try_from((us + 500) / 1000).unwrap_or(0);
        let cues = (0..self.moments.count).map(|index| {
            let start_us = self.moments.step_us * i64::from(index);
            let end_us = (start_us + self.moments.step_us).min(self.duration_us);
            let place = index % self.per_sheet();
            let (x, y) = (place % self.sheet.0 * width, place / self.sheet.0 * height);
            let sheet = sheet_name(index / self.per_sheet());
            let text = format!("{sheet}#xywh={x},{y},{width},{height}");
            Cue { start_ms: millis(start_us), end_ms: millis(end_us), text, settings: None }
        });
        let cues: Vec<Cue> = cues.filter(|cue| cue.end_ms > cue.start_ms).collect();
        vtt::write(&cues)
    }
}

/// File name of sheet `index`, beside the index file.
pub fn sheet_name(index: u32) -> String {
    format!("sheet-{index:05}.jpg")
}

/// The interval in microseconds, whole seconds.
fn interval_us(duration_us: i64, asked: Option<u32>) -> i64 {
    let enough = |pictures: i64| ceiling(duration_us, pictures * 1_000_000);
    let seconds = match asked {
        Some(asked) => i64::from(asked).max(enough(PICTURES_MAX)),
        None => INTERVAL_MIN_SECONDS.max(enough(PICTURES)),
    };
    seconds.max(1) * 1_000_000
}

fn ceiling(number: i64, by: i64) -> i64 {
    number.div_euclid(by) + i64::from(number.rem_euclid(by) != 0)
}

/// Even, at most `width` wide, never wider than the video, at most one sheet high.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a picture")]
fn picture_size((width, height): (f64, f64), wanted: u32) -> (u32, u32) {
    let even = |side: f64| ((side / 2.0).round() as u32 * 2).clamp(2, SHEET_PIXELS);
    let shown = f64::from(wanted).min(width.max(1.0));
    (even(shown), even(shown * height.max(1.0) / width.max(1.0)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn board(ms: i64, display: (f64, f64), interval: Option<u32>) -> Storyboard {
        let option = SpritesOption { interval_seconds: interval, width: None };
        Storyboard::new(ms * 1000, display, &option)
    }

    #[test]
    fn each_interval_has_its_place_on_a_sheet() {
        let board = board(5500, (1920.0, 1080.0), None);
        assert_eq!((board.moments.count, board.sheet, board.sheets()), (3, (3, 1), 1));
        assert_eq!(board.moments.at_us(2), 5_000_000);
        expect![[r"
            WEBVTT

            00:00:00.000 --> 00:00:02.000
            sheet-00000.jpg#xywh=0,0,160,90

            00:00:02.000 --> 00:00:04.000
            sheet-00000.jpg#xywh=160,0,160,90

            00:00:04.000 --> 00:00:05.500
            sheet-00000.jpg#xywh=320,0,160,90
        "]]
        .assert_eq(&board.vtt());
    }

    #[test]
    fn long_videos_have_no_more_pictures() {
        for (ms, interval, count, sheets) in [
            (48_000, None, 24, 1),
            (1_000_000, None, 500, 5),
            (36_000_000, None, 500, 5),
            (36_000_000, Some(1), 3000, 30),
            (36_000_000, Some(600), 60, 1),
            (40, None, 1, 1),
        ] {
            let board = board(ms, (1920.0, 1080.0), interval);
            assert_eq!((board.moments.count, board.sheets()), (count, sheets), "{ms}");
        }
    }

    #[test]
    fn pictures_are_no_larger_than_the_video_and_sheets_not_than_a_browser_takes() {
        assert_eq!(board(9000, (36.0, 64.0), None).picture, (36, 64));
        assert_eq!(board(9000, (1080.0, 1920.0), None).picture, (160, 284));
        let option = SpritesOption { interval_seconds: Some(1), width: Some(640) };
        let board = Storyboard::new(60_000_000, (1080.0, 1920.0), &option);
        assert_eq!((board.picture, board.sheet, board.sheets()), ((640, 1138), (6, 3), 4));
    }

    #[test]
    fn every_cue_ends_where_the_next_begins() {
        let text = board(1_234_500, (640.0, 360.0), None).vtt();
        let times: Vec<&str> = text.lines().filter(|line| line.contains(" --> ")).collect();
        for pair in times.windows(2) {
            assert_eq!(pair[0].split(" --> ").nth(1), pair[1].split(" --> ").next());
        }
        assert_eq!(times.last().unwrap().split(" --> ").nth(1), Some("00:20:34.500"));
        assert!(text.contains("sheet-00004.jpg#xywh=320,0,160,90"), "{text}");
    }
}
