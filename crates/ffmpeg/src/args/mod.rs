//! Argument lists of every ffmpeg run: pure functions of the plan, compared with golden texts.
//!
//! Options that all runs share are added by `run`; here is only what one kind of run needs.

mod audio;
mod chunk;
mod join;
mod loudness;
mod mezzanine;
mod normalize;
mod picture;
mod remux;
mod restamp;
mod samples;
mod scenes;
mod sprites;
mod start;
mod still;
mod subtitles;
mod watermark;

pub(crate) use audio::audio;
pub(crate) use chunk::{ChunkFiles, Seek, chunk, decoded_within, reads_from_start, trial};
pub(crate) use join::{Part, join};
pub(crate) use loudness::loudness;
pub(crate) use mezzanine::{mezzanine, mezzanine_sound};
pub(crate) use normalize::{LIST_SECONDS, counts_pictures, normalize};
pub(crate) use remux::remux;
pub(crate) use restamp::{Unit, restamp};
pub(crate) use samples::{PLACED, SOURCE, samples};
pub(crate) use scenes::{changes, scenes};
pub(crate) use sprites::{Take, sheet, sheets, single, spread, time_us};
pub(crate) use still::{Form, Track, cover, holds, reads_whole, still};
pub(crate) use subtitles::{TrackFiles, events, subtitles};
pub(crate) use watermark::{INK, SCRIPT, cut, image, ink, letters};

use std::{ffi::OsString, path::Path};

use media::{source::VideoFacts, timeline::TimeBase};

/// An argument list under construction.
#[derive(Default)]
struct Args(Vec<OsString>);

impl Args {
    /// Adds words split at spaces; for constant text only.
    fn words(&mut self, text: &str) -> &mut Self {
        self.0.extend(text.split_ascii_whitespace().map(OsString::from));
        self
    }

    /// Takes the stamps of the next input as they are.
    ///
    /// Without the offset, which rounds to nothing in every container concerned, ffmpeg moves the
    /// streams in use to the start of a file that starts at zero, in spite of `-copyts`, where clocks
    /// may restart (`ts_offset == -start_time` in `process_input` of fftools).
    fn source_stamps(&mut self) -> &mut Self {
        self.words("-copyts -itsoffset 0.000001")
    }

    /// Adds a flag and its value, which may hold anything.
    fn pair(&mut self, flag: &str, value: impl Into<OsString>) -> &mut Self {
        self.0.push(flag.into());
        self.0.push(value.into());
        self
    }

    /// Adds an output file; a path never looks like a flag because it is absolute.
    fn output(&mut self, path: &Path) -> &mut Self {
        self.0.push(path.into());
        self
    }

    /// Lists the times of the pictures of `[times]`, in ticks of the source; [`listed_times`] reads them.
    ///
    /// The time base is said, not copied (`-1`): with a second input ffmpeg would count in frames.
    fn times(&mut self, base: TimeBase, list: &Path) -> &mut Self {
        self.words("-map [times] -fps_mode passthrough");
        self.pair("-enc_time_base", format!("{}/{}", base.num, base.den));
        self.words("-f framecrc").output(list)
    }

    fn extend(&mut self, args: Vec<OsString>) -> &mut Self {
        self.0.extend(args);
        self
    }
}

/// Link labels of a filter graph: `[s0][s1]…`.
fn pads(name: &str, count: usize) -> String {
    let labels: Vec<String> = (0..count).map(|at| format!("[{name}{at}]")).collect();
    labels.concat()
}

/// Microseconds as the seconds ffmpeg reads, without losing a digit.
fn seconds(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// The picture track with times counted from output frame 0, in the time line's ticks.
fn from_zero(facts: &VideoFacts) -> String {
    let line = &facts.timeline;
    let finer = if line.finer {
        format!("settb={}/{},", line.time_base.num, line.time_base.den)
    } else {
        String::new()
    };
    format!("[0:{}]{finer}setpts=PTS-({})", facts.stream, line.start_ticks)
}

/// A path as a filter takes it: escaped once for the filter's options, once for the graph.
fn filter_value(path: &Path) -> String {
    let escape = |text: &str, special: &[char]| {
        text.chars().fold(String::new(), |mut escaped, c| {
            if special.contains(&c) {
                escaped.push('\\');
            }
            escaped.push(c);
            escaped
        })
    };
    let option = escape(&path.to_string_lossy(), &['\\', '\'', ':']);
    escape(&option, &['\\', '\'', '[', ']', ',', ';'])
}

/// Presentation times of a `framecrc` list: lines of `stream, dts, pts, duration, size, crc`.
pub(crate) fn listed_times(framecrc: &str) -> impl Iterator<Item = i64> {
    let lines = framecrc.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(',').nth(2)?.trim().parse().ok())
}

#[cfg(test)]
fn joined(args: &[OsString]) -> String {
    let mut text = String::new();
    for arg in args {
        let arg = arg.to_string_lossy();
        let starts_group =
            arg.starts_with('-') && !arg[1..].starts_with(|c: char| c.is_ascii_digit());
        text.push_str(if starts_group { "\n" } else { " " });
        text.push_str(&arg);
    }
    text.trim_start().to_owned() + "\n"
}

#[cfg(test)]
pub(crate) fn test_facts(rate: &str, frames: u64) -> media::source::SourceFacts {
    let rate: media::rate::FrameRate = rate.parse().unwrap();
    serde_json::from_value(serde_json::json!({
        "container": "mov,mp4,m4a,3gp,3g2,mj2", "bytes": 1, "container_start_us": 0,
        "video": {
            "stream": 0, "codec": "h264", "profile": "High", "pixel_format": "yuv420p",
            "coded_width": 1280, "coded_height": 720, "sample_aspect": [1, 1], "rotation": "None",
            "mirrored": false, "color": {}, "field_order": null, "packets": frames, "frames_promised": null,
            "timeline": {
                "time_base": {"num": rate.den(), "den": rate.num()}, "start_ticks": 0,
                "last_ticks": frames - 1, "frames": frames, "rate": rate, "constant": true,
                "grid_frames": frames, "gap_frames_max": 1, "key_frames": 10, "key_interval_max": 50
            }
        },
        "audio": [{
            "stream": 1, "codec": "aac", "channels": 2, "layout": "stereo", "sample_rate": 48000,
            "start_us": 0, "end_us": 20_000_000, "packets": 900, "language": "eng", "title": null,
            "default": true
        }],
        "non_standard": [], "demux_errors": 0
    }))
    .unwrap()
}
