//! The thumbnail of a video: its size and the choice among candidates.
//!
//! The choice looks at small gray pictures and at nothing else, so it is the same every time.

use std::ops::Range;

use crate::{
    chapters::{self, Change},
    rate::Grid,
    sprites::Spread,
};

/// Widest still picture in pixels.
pub const WIDTH_MAX: u32 = 1280;
/// Candidates looked at, however long the video is.
const CANDIDATES: u32 = 24;
/// Share of the video left out at its begin, and at its end: logos and credits.
const MARGIN: i64 = 20;
/// Microseconds after a scene change at which a picture is looked at: dissolves end, motion settles.
const AFTER_CHANGE_US: [i64; 4] = [200_000, 600_000, 1_200_000, 2_000_000];

/// How much of a video is searched for its strongest scene change, in microseconds.
pub const SEARCH_US: i64 = 20 * 60 * 1_000_000;
/// Scene changes looked at, the strongest first, until one leads to a clear picture.
const CHANGES: usize = 4;
/// Score from which a picture counts as clear.
const CLEAR: f64 = 0.3;
/// Brightest level of black bars.
const BAR_LEVEL: u8 = 24;

/// A small picture, one byte of brightness per pixel, black 0 and white 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gray {
    /// Pixels in a row.
    pub width: usize,
    /// Rows from the top.
    pub pixels: Vec<u8>,
}

/// The moments to look at: evenly spread, without the first and the last twentieth.
pub fn candidates(duration_us: i64, frames: u64) -> Spread {
    let count = u32::try_from(frames.max(1)).unwrap_or(CANDIDATES).min(CANDIDATES);
    let first_us = duration_us / MARGIN;
    let whole_ms = ((duration_us - 2 * first_us) / i64::from(count) / 1000).max(1);
    let step_us = whole_ms * 1000;
    Spread { first_us: first_us + step_us / 2, step_us, count }
}

/// Where the strongest scene changes of a video lead: for each, strongest first, the frames to look
/// at, all within its scene. `threshold` is what counts as a change.
pub fn scenes(changes: &[Change], threshold: f64, grid: Grid) -> Vec<Vec<u64>> {
    let starts = |change: &Change| chapters::frame_at(change.at_us, grid);
    let mut sorted: Vec<&Change> =
        changes.iter().filter(|change| change.score() >= threshold).collect();
    let mut frames: Vec<u64> = sorted.iter().map(|change| starts(change)).collect();
    frames.push(grid.frames);
    sorted.sort_by(|a, b| b.score().total_cmp(&a.score()).then(a.at_us.cmp(&b.at_us)));
    let looks = sorted.into_iter().take(CHANGES).map(|change| {
        let frame = starts(change);
        let end = frames.iter().copied().find(|&next| next > frame).unwrap_or(grid.frames);
        after_change(frame, end, grid)
    });
    looks.collect()
}

/// Frames to look at after a scene change at `frame`, before `end`, where the next scene begins.
fn after_change(frame: u64, end: u64, grid: Grid) -> Vec<u64> {
    let offset = |us: &i64| chapters::frame_at(*us, grid);
    let mut frames: Vec<u64> =
        AFTER_CHANGE_US.iter().map(|us| frame + offset(us)).filter(|&at| at < end).collect();
    frames.dedup();
    if frames.is_empty() { vec![frame] } else { frames }
}

/// The best picture's index: the first of those that score highest; `None` without pictures.
pub fn best(pictures: &[Gray]) -> Option<usize> {
    let scores: Vec<f64> = pictures.iter().map(Gray::score).collect();
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter().position(|score| *score >= best)
}

/// The frame shown at a time in seconds; `None` behind the end. The end itself shows the last frame.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the grid")]
pub fn frame_shown(at_seconds: f64, grid: Grid) -> Option<u64> {
    // Times written with six digits may miss their frame by less than that.
    let frame = (at_seconds * grid.rate.as_f64() + 1e-4).floor().max(0.0) as u64;
    let ended = at_seconds > grid.duration_seconds() + 1e-6;
    (!ended).then(|| frame.min(grid.frames.saturating_sub(1)))
}

/// Size of the still picture: the video's upright size in square pixels, at most `width` wide.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a picture")]
pub fn size((width, height): (f64, f64), wanted: u32) -> (u32, u32) {
    let shown = width.round().max(1.0).min(f64::from(wanted));
    let whole = |side: f64| (side.round() as u32).max(1);
    (whole(shown), whole(shown * height / width.max(1.0)))
}

/// All sizes to make: the picture itself, and those of `widths` that the video fills, each once.
pub fn sizes(display: (f64, f64), widths: &[u32]) -> Vec<(u32, u32)> {
    let mut sizes = vec![size(display, WIDTH_MAX)];
    for &width in widths {
        let further = size(display, width);
        if further.0 == width && !sizes[1..].contains(&further) {
            sizes.push(further);
        }
    }
    sizes
}

impl Gray {
    /// Width of pictures that are looked at, at most.
    pub const WIDTH: u32 = 160;

    /// True when it may be the thumbnail without looking further.
    pub fn is_clear(&self) -> bool {
        self.score() >= CLEAR
    }

    /// How good a still picture it is, 0 to 1: the product of four marks, so that one bad one is
    /// enough to lose.
    ///
    /// - exposure: the mean is well away from black and white;
    /// - contrast: the spread of brightness;
    /// - sharpness: the variance of the Laplacian, which blur and motion lower;
    /// - variety: no single shade fills the picture, as it does on title cards and in fades.
    ///
    /// Black bars around the picture do not count.
    pub fn score(&self) -> f64 {
        let picture = self.without_bars();
        if picture.pixels.is_empty() { 0.0 } else { picture.marks() }
    }

    fn marks(&self) -> f64 {
        let count = self.pixels.len();
        let mean = self.pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / count as f64;
        let variance =
            self.pixels.iter().map(|&p| (f64::from(p) - mean).powi(2)).sum::<f64>() / count as f64;
        let exposure = ramp(mean, 16.0, 70.0) * ramp(255.0 - mean, 16.0, 60.0);
        let contrast = ramp(variance.sqrt(), 4.0, 50.0);
        let sharpness = ramp(self.laplacian_variance().sqrt(), 0.5, 24.0);
        let variety = ramp(1.0 - self.largest_shade(), 0.1, 0.6);
        // Sharpness is worth less than being seen at all.
        exposure * contrast * variety * (0.25 + 0.75 * sharpness)
    }

    /// The picture without black rows and columns at its edges; empty when all is black.
    fn without_bars(&self) -> Self {
        let width = self.width.max(1);
        let rows: Vec<&[u8]> = self.pixels.chunks_exact(width).collect();
        let seen = |pixel: &u8| *pixel > BAR_LEVEL;
        let lit_rows = rows.iter().map(|row| row.iter().any(seen));
        let lit_columns = (0..width).map(|x| rows.iter().any(|row| seen(&row[x])));
        let (Some(rows_within), Some(columns)) = (span(lit_rows), span(lit_columns)) else {
            return Self { width, pixels: Vec::new() };
        };
        let pixels = rows[rows_within].iter().flat_map(|row| &row[columns.clone()]).copied();
        Self { width: columns.len(), pixels: pixels.collect() }
    }

    /// Variance of the second derivative: how much fine detail there is.
    fn laplacian_variance(&self) -> f64 {
        let rows: Vec<&[u8]> = self.pixels.chunks_exact(self.width).collect();
        let mut values = Vec::new();
        for rows in rows.windows(3) {
            for x in 1..self.width.saturating_sub(1) {
                let around = [rows[0][x], rows[2][x], rows[1][x - 1], rows[1][x + 1]];
                let sum: i32 = around.iter().map(|&p| i32::from(p)).sum();
                values.push(f64::from(sum - 4 * i32::from(rows[1][x])));
            }
        }
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count
    }

    /// Share of the pixels that lie in the most frequent of 32 shades.
    fn largest_shade(&self) -> f64 {
        let mut shades = [0_u32; 32];
        for &pixel in &self.pixels {
            shades[usize::from(pixel / 8)] += 1;
        }
        let largest = shades.into_iter().max().unwrap_or(0);
        f64::from(largest) / self.pixels.len().max(1) as f64
    }
}

/// From the first true to the last.
fn span(mut lit: impl Iterator<Item = bool>) -> Option<Range<usize>> {
    let first = lit.position(|lit| lit)?;
    let last = lit.enumerate().filter(|(_, lit)| *lit).last();
    Some(first..first + 1 + last.map_or(0, |(at, _)| at + 1))
}

/// 0 up to `low`, 1 from `high` on, straight between.
fn ramp(value: f64, low: f64, high: f64) -> f64 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 64;

    fn picture(pixel: impl Fn(usize, usize) -> i32) -> Gray {
        let at = |at: usize| u8::try_from(pixel(at % SIDE, at / SIDE).clamp(0, 255)).unwrap();
        Gray { width: SIDE, pixels: (0..SIDE * SIDE).map(at).collect() }
    }

    /// Something with shapes, shades and detail.
    fn scene(x: usize, y: usize) -> i32 {
        let (x, y) = (i32::try_from(x).unwrap(), i32::try_from(y).unwrap());
        (x * 3 + y) % 97 + 60 + if (x / 9 + y / 7) % 3 == 0 { 70 } else { 0 }
    }

    fn blurred(x: usize, y: usize) -> i32 {
        let around = (0..9).flat_map(|dx| (0..9).map(move |dy| scene(x + dx, y + dy)));
        around.sum::<i32>() / 81
    }

    #[test]
    fn the_clear_picture_wins() {
        let pictures = [
            picture(|_, _| 0),
            picture(|_, _| 255),
            picture(|x, y| scene(x, y) / 12),
            picture(|x, y| 240 + scene(x, y) / 16),
            picture(|x, y| if (20..44).contains(&x) && y == 32 { 255 } else { 0 }),
            picture(blurred),
            picture(scene),
            picture(|x, y| scene(x, y) / 2),
            picture(scene),
        ];
        let scores: Vec<f64> = pictures.iter().map(Gray::score).collect();
        assert_eq!(best(&pictures), Some(6), "{scores:.3?}");
        assert!(scores[..5].iter().all(|score| *score < scores[5] / 2.0), "{scores:.3?}");
        assert_eq!(best(&pictures[..1]), Some(0), "a black video has a picture too");
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn black_bars_do_not_count() {
        let barred = |y: usize, inner: i32| if (8..56).contains(&y) { inner } else { 4 };
        let fog = picture(|x, y| barred(y, 160 + scene(x, y) / 16));
        let clear = picture(|x, y| barred(y, scene(x, y)));
        assert!(fog.score() < clear.score() / 4.0, "{} {}", fog.score(), clear.score());
        let plain = Gray { width: SIDE, pixels: clear.pixels[8 * SIDE..56 * SIDE].to_vec() };
        assert_eq!(clear.score().to_bits(), plain.score().to_bits());
    }

    #[test]
    fn candidates_leave_out_the_ends() {
        let spread = candidates(100_000_000, 3000);
        assert_eq!(spread, Spread { first_us: 6_875_000, step_us: 3_750_000, count: 24 });
        assert_eq!(spread.at_us(23), 93_125_000);
        assert_eq!(candidates(40_000, 1).count, 1);
        assert_eq!(candidates(36_000_000_000, 1_000_000).count, 24);
    }

    #[test]
    fn a_time_shows_the_frame_that_began_before_it() {
        let grid = Grid { rate: "30000/1001".parse().unwrap(), frames: 300 };
        let times = [0.0, 0.033, 0.033_367, 5.0, 10.0, 10.01].map(|at| frame_shown(at, grid));
        assert_eq!(times, [Some(0), Some(0), Some(1), Some(149), Some(299), Some(299)]);
        assert_eq!(frame_shown(10.02, grid), None);
    }

    #[test]
    fn no_size_is_larger_than_the_video() {
        assert_eq!(
            sizes((1920.0, 1080.0), &[320, 1280, 320]),
            [(1280, 720), (320, 180), (1280, 720)]
        );
        assert_eq!(sizes((36.0, 64.0), &[16, 36, 37]), [(36, 64), (16, 28), (36, 64)]);
        assert_eq!(sizes((1080.0, 1920.0), &[]), [(1080, 1920)]);
        assert_eq!(sizes((641.3, 1.0), &[641]), [(641, 1), (641, 1)]);
    }

    #[test]
    fn pictures_after_a_change_belong_to_its_scene() {
        let grid = Grid { rate: "30".parse().unwrap(), frames: 900 };
        assert_eq!(after_change(300, 900, grid), [306, 318, 336, 360]);
        assert_eq!(after_change(300, 320, grid), [306, 318]);
        assert_eq!(after_change(300, 301, grid), [300]);
        let change = |at_us, jump| Change { at_us, jump, contrast: 100.0 };
        let changes = [
            change(1_000_000, 30.0),
            change(2_000_000, 90.0),
            change(2_500_000, 20.0),
            change(3_000_000, 1.0),
        ];
        assert_eq!(scenes(&changes, 0.4, grid), [vec![66], vec![36, 48], vec![81, 93, 111, 135]]);
        assert!(scenes(&changes, 0.99, grid).is_empty());
    }
}
