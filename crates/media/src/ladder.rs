//! From the requested rungs to those that fit the source.
//!
//! A rung's number is its short side. Nothing is ever enlarged; sides are even, pixels square.

use serde::{Deserialize, Serialize};

use crate::{
    bitrate::Bitrate,
    options::{InvalidOption, Options, RUNGS_MAX, RungOption},
};

/// Built-in rungs: name, short side, video and audio kilobits per second.
const BUILT_IN: [(&str, u32, u32, u32); 9] = [
    ("2160p", 2160, 16_000, 192),
    ("1440p", 1440, 9_000, 192),
    ("1080p", 1080, 5_000, 192),
    ("720p", 720, 3_000, 128),
    ("540p", 540, 2_000, 128),
    ("480p", 480, 1_500, 96),
    ("360p", 360, 800, 64),
    ("240p", 240, 400, 64),
    ("144p", 144, 200, 64),
];
/// The rungs that are made by default.
const DEFAULT: [&str; 4] = ["1080p", "720p", "480p", "360p"];
/// Smallest side libx264 and players handle without special cases.
const SIDE_MIN: u32 = 2;

/// One rung as it will be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Folder and display name.
    pub name: String,
    /// Width in square pixels, even.
    pub width: u32,
    /// Height in square pixels, even.
    pub height: u32,
    /// Mean video bit rate.
    pub bitrate: Bitrate,
    /// Bit rate of the audio rendition it is paired with.
    pub audio_bitrate: Bitrate,
}

/// The rungs for one source, highest first, and the names left out because they were larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// At least one rung, highest first.
    pub rungs: Vec<Rung>,
    /// Names of rungs above the source.
    pub dropped: Vec<String>,
}

/// The rungs a user asks for, checked but not yet fitted to a source.
pub fn requested(options: &Options) -> Result<Vec<RungOption>, InvalidOption> {
    if let Some(ladder) = &options.ladder {
        count("ladder", ladder.len())?;
        for (at, rung) in ladder.iter().enumerate() {
            rung.validate(&format!("ladder[{at}]"))?;
            if ladder.iter().take(at).any(|r| r.name.eq_ignore_ascii_case(&rung.name)) {
                let reason = format!("`{}` is there twice", rung.name);
                return Err(InvalidOption::new(format!("ladder[{at}].name"), reason));
            }
        }
        return Ok(ladder.clone());
    }
    let Some(names) = &options.resolutions else {
        return Ok(DEFAULT.iter().filter_map(|name| built_in(name)).collect());
    };
    count("resolutions", names.len())?;
    let mut rungs: Vec<RungOption> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let path = format!("resolutions[{at}]");
        let Some(rung) = built_in(name) else {
            let known: Vec<_> = BUILT_IN.iter().map(|(name, ..)| *name).collect();
            let reason =
                format!("`{name}` is not one of {}; use `ladder` for others", known.join(", "));
            return Err(InvalidOption::new(path, reason));
        };
        if rungs.iter().any(|r| r.name == rung.name) {
            return Err(InvalidOption::new(path, format!("`{name}` is there twice")));
        }
        rungs.push(rung);
    }
    Ok(rungs)
}

/// Fits the requested rungs to a source of `size` square pixels (upright, may be fractional).
pub fn fit(asked: &[RungOption], size: (f64, f64)) -> Ladder {
    let short = size.0.min(size.1);
    // A source of 1079.6 rows (odd aspect ratios) still deserves its 1080p.
    let fits = |rung: &RungOption| f64::from(rung.height) <= short + 0.5;
    let mut rungs: Vec<Rung> = asked.iter().filter(|r| fits(r)).map(|r| scaled(r, size)).collect();
    let dropped: Vec<String> = asked.iter().filter(|r| !fits(r)).map(|r| r.name.clone()).collect();
    if rungs.is_empty() {
        rungs.extend(asked.iter().min_by_key(|r| r.height).map(|lowest| own_size(lowest, size)));
    }
    rungs.sort_by_key(|r| std::cmp::Reverse((u64::from(r.width) * u64::from(r.height), r.bitrate)));
    Ladder { rungs, dropped }
}

fn built_in(name: &str) -> Option<RungOption> {
    let row = BUILT_IN.iter().find(|row| row.0.eq_ignore_ascii_case(name))?;
    Some(RungOption {
        name: row.0.to_owned(),
        height: row.1,
        bitrate: Bitrate::kilobits(row.2),
        audio_bitrate: Bitrate::kilobits(row.3),
    })
}

fn count(path: &str, rungs: usize) -> Result<(), InvalidOption> {
    match rungs {
        0 => Err(InvalidOption::new(path, "must name at least one rung, or be left out")),
        n if n > RUNGS_MAX => {
            Err(InvalidOption::new(path, format!("names {n} rungs; at most {RUNGS_MAX}")))
        }
        _ => Ok(()),
    }
}

fn scaled(rung: &RungOption, size: (f64, f64)) -> Rung {
    let ratio = f64::from(rung.height) / size.0.min(size.1);
    Rung {
        name: rung.name.clone(),
        width: even(size.0 * ratio.min(1.0), size.0),
        height: even(size.1 * ratio.min(1.0), size.1),
        bitrate: rung.bitrate,
        audio_bitrate: rung.audio_bitrate,
    }
}

/// The source's own width and height, in even numbers.
pub fn own_sides(size: (f64, f64)) -> (u32, u32) {
    (even(size.0, size.0), even(size.1, size.1))
}

/// One rung at the source's own size; bits per pixel are those of the rung it stands for.
fn own_size(lowest: &RungOption, size: (f64, f64)) -> Rung {
    let (width, height) = own_sides(size);
    let short = width.min(height);
    let pixels = |side: u32| side.saturating_mul(side);
    Rung {
        name: format!("{short}p"),
        width,
        height,
        bitrate: lowest
            .bitrate
            .scaled(pixels(short), pixels(lowest.height))
            .max(Bitrate::kilobits(64)),
        audio_bitrate: lowest.audio_bitrate,
    }
}

/// The nearest even number of pixels that is not above the source's side.
fn even(side: f64, source: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sides are small and positive"
    )]
    let nearest = ((side / 2.0).round() * 2.0) as u32;
    let above = f64::from(nearest) > source + 0.5;
    (if above { nearest - 2 } else { nearest }).max(SIDE_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(size: (f64, f64)) -> Vec<String> {
        let asked = requested(&Options::default()).unwrap();
        fit(&asked, size)
            .rungs
            .iter()
            .map(|r| format!("{} {}x{}", r.name, r.width, r.height))
            .collect()
    }

    #[test]
    fn the_number_of_a_rung_is_its_short_side() {
        assert_eq!(
            sizes((1920.0, 1080.0)),
            ["1080p 1920x1080", "720p 1280x720", "480p 854x480", "360p 640x360"]
        );
        assert_eq!(sizes((720.0, 1280.0)), ["720p 720x1280", "480p 480x854", "360p 360x640"]);
        assert_eq!(sizes((1920.0, 800.0)), ["720p 1728x720", "480p 1152x480", "360p 864x360"]);
    }

    #[test]
    fn nothing_is_enlarged_and_sides_are_even() {
        assert_eq!(sizes((641.0, 361.0)), ["360p 640x360"]);
        assert_eq!(sizes((36.0, 64.0)), ["36p 36x64"]);
        assert_eq!(sizes((161.0, 121.0)), ["120p 160x120"]);
        assert_eq!(sizes((1.0, 1.0)), ["2p 2x2"]);
        assert_eq!(sizes((853.0, 479.0)), ["360p 642x360"]);
    }

    #[test]
    fn rungs_above_the_source_are_named() {
        let asked = requested(&Options::default()).unwrap();
        assert_eq!(fit(&asked, (640.0, 360.0)).dropped, ["1080p", "720p", "480p"]);
    }

    #[test]
    fn refusals_carry_the_path() {
        let refused = |json: &str| {
            let options: Options = serde_json::from_str(json).unwrap();
            options.validate().unwrap_err().to_string()
        };
        assert!(
            refused(r#"{"resolutions":["1080p","999p"]}"#)
                .starts_with("options.resolutions[1]: `999p`")
        );
        assert!(refused(r#"{"resolutions":[]}"#).starts_with("options.resolutions: must name"));
        assert!(
            refused(r#"{"ladder":[{"name":"../x","height":720,"bitrate":"3M"}]}"#)
                .starts_with("options.ladder[0].name")
        );
        assert!(
            refused(r#"{"ladder":[{"name":"a","height":7,"bitrate":"3M"}]}"#)
                .starts_with("options.ladder[0].height")
        );
        assert!(refused(r#"{"priority":9}"#).starts_with("options.priority"));
    }
}
