//! An independent reading of sources and outputs: plain ffmpeg and arithmetic.
//!
//! The pictures carry a counter: sixteen blocks, black or white, in their upper eighth, the highest bit
//! on the left. The sound is a chirp of 300 + 50 t Hz, so that its frequency says where it is from.

use std::path::Path;

use fixtures::tools;

/// Samples of sound a second.
const RATE: f64 = 48_000.0;
/// Sound looked at to tell a frequency, in seconds.
const WINDOW: f64 = 0.2;
/// A sample below this, of 32,767, is silent.
const SILENT: u16 = 60;
/// Rows and columns that a picture is brought to: a column for each bit, the blocks in the first row.
const GRID: (usize, usize) = (16, 8);
/// Luma above this is white.
const WHITE: u8 = 110;
/// Luma up to this is black, also when it was written as 16 and read as full range.
const BLACK: u8 = 20;

/// A part of the pictures, from this picture on, as filters of ffmpeg that cut it out.
pub(super) type View = (usize, &'static str);

/// What a video shows.
pub(super) struct Pictures {
    /// Width and height of the first picture.
    pub(super) size: (u32, u32),
    /// The counter of each picture, in order.
    pub(super) counters: Vec<u16>,
}

impl Pictures {
    pub(super) fn read(input: &Path, views: &[View], size: (u32, u32)) -> Self {
        let whole = [(0, "null")];
        let views = if views.is_empty() { &whole } else { views };
        let mut counters: Vec<u16> = Vec::new();
        for (from, cut) in views {
            let read = read_counters(input, cut);
            counters.truncate(*from);
            counters.extend(read.iter().skip(*from));
        }
        let text = run("ffprobe", |command| {
            command.args(["-v", "error", "-select_streams", "v:0"]);
            command.args(["-show_entries", "stream=width,height", "-of", "csv=p=0"]).arg(input);
        });
        let text = String::from_utf8(text).unwrap();
        let mut numbers = text.trim().split([',', '\n']).filter_map(|number| number.parse().ok());
        let size = numbers.next().zip(numbers.next()).unwrap_or(size);
        Self { size, counters }
    }
}

fn read_counters(input: &Path, cut: &str) -> Vec<u16> {
    let (columns, rows) = GRID;
    let bytes = run("ffmpeg", |command| {
        let filter = format!("{cut},scale={columns}:{rows}:flags=area,format=gray");
        command.args(["-nostdin", "-v", "error", "-i"]).arg(input);
        command.args(["-map", "0:v:0", "-vf", &filter, "-fps_mode", "passthrough"]);
        command.args(["-f", "rawvideo", "pipe:1"]);
    });
    let picture = |bytes: &[u8]| {
        let bits = bytes.iter().take(columns).map(|luma| u16::from(*luma > WHITE));
        bits.fold(0, |counter, bit| counter << 1 | bit)
    };
    bytes.chunks_exact(columns * rows).map(picture).collect()
}

/// Fails unless an area is black, from a picture on.
pub(super) fn assert_black(input: &Path, (from, cut): &View) {
    let luma = run("ffmpeg", |command| {
        let filter = format!("{cut},scale=1:1:flags=area,format=gray");
        command.args(["-nostdin", "-v", "error", "-i"]).arg(input);
        command.args(["-map", "0:v:0", "-vf", &filter, "-fps_mode", "passthrough"]);
        command.args(["-f", "rawvideo", "pipe:1"]);
    });
    let bright = luma.iter().enumerate().skip(*from).find(|(_, luma)| **luma > BLACK);
    assert!(luma.len() > *from && bright.is_none(), "{cut}: (picture, luma) {bright:?}");
}

/// When the counter changes, in seconds from the first picture, and to what.
pub(super) type Steps = Vec<(f64, u16)>;

/// The steps of a source, as the stamps of its decoded pictures have them.
pub(super) fn steps(source: &Path) -> Steps {
    let text = run("ffprobe", |command| {
        command.args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"]);
        command.args(["-show_entries", "frame=best_effort_timestamp_time"]).arg(source);
    });
    let text = String::from_utf8(text).unwrap();
    let times = text.lines().filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok());
    let times: Vec<_> = times.collect();
    let counters = read_counters(source, "null");
    assert_eq!(times.len(), counters.len(), "pictures of the source");
    appearances(&times.iter().map(|time| time - times[0]).collect::<Vec<_>>(), &counters)
}

/// Leaves out pictures that show what the one before them shows.
pub(super) fn appearances(times: &[f64], counters: &[u16]) -> Steps {
    let mut steps: Steps = times.iter().copied().zip(counters.iter().copied()).collect();
    steps.dedup_by_key(|(_, counter)| *counter);
    steps
}

/// Fails unless the same is shown at the same time, to one picture of the output.
pub(super) fn assert_same_steps(found: &Steps, wanted: &Steps, frame: f64) {
    for (n, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let near = (found.0 - wanted.0).abs() <= frame * 1.01;
        assert!(found.1 == wanted.1 && near, "step {n}: (s, counter) {found:?}, not {wanted:?}");
    }
    let last = (found.last(), wanted.last());
    assert_eq!(found.len(), wanted.len(), "steps, up to {last:?}");
}

/// Fails unless each picture of an output is like that of the same number of its source.
pub(super) fn assert_alike(output: &Path, source: &Path, least: f64) {
    let text = run("ffmpeg", |command| {
        command.args(["-nostdin", "-v", "error", "-i"]).arg(output).arg("-i").arg(source);
        let graph = "[0:v]settb=1/25,setpts=N[made];[1:v]settb=1/25,setpts=N[was];\
                     [made][was]psnr=stats_file=-";
        command.args(["-lavfi", graph, "-fps_mode", "passthrough", "-f", "null", "-"]);
    });
    let text = String::from_utf8(text).unwrap();
    let values = text.lines().filter_map(|line| {
        let value = line.split("psnr_avg:").nth(1)?.split(' ').next()?;
        Some(if value == "inf" { f64::INFINITY } else { value.parse().unwrap() })
    });
    let values: Vec<f64> = values.collect();
    assert!(!values.is_empty(), "nothing was compared");
    let below: Vec<_> = values.iter().enumerate().filter(|(_, value)| **value < least).collect();
    let (count, of) = (below.len(), values.len());
    assert!(below.is_empty(), "{count} of {of} pictures below {least} dB, first {:?}", below[0]);
}

/// A place in a picture, and its red, green and blue.
pub(super) type Colour = ((u32, u32), [u8; 3]);

/// Fails unless the first picture has these colours, to 4 of 255.
pub(super) fn assert_colours(input: &Path, wanted: &[Colour]) {
    for ((x, y), colour) in wanted {
        let found = run("ffmpeg", |command| {
            // The matrix of HD, which the stream is tagged with: swscale takes BT.601 unless told.
            let filter = format!("crop=8:8:{x}:{y},scale=1:1:in_color_matrix=bt709,format=rgb24");
            command.args(["-nostdin", "-v", "error", "-i"]).arg(input);
            command.args(["-frames:v", "1", "-vf", &filter, "-f", "rawvideo", "pipe:1"]);
        });
        let near = found.iter().zip(colour).all(|(found, wanted)| found.abs_diff(*wanted) <= 4);
        assert!(near && found.len() == 3, "{found:?} at {x}, {y}, not {colour:?}");
    }
}

/// The sound of an output, one channel.
pub(super) struct Sound {
    samples: Vec<i16>,
}

impl Sound {
    /// Decodes the sound that is heard from a time of the output on.
    pub(super) fn read(input: &Path, origin: f64) -> Self {
        let bytes = run("ffmpeg", |command| {
            command.args(["-nostdin", "-v", "error", "-copyts", "-i"]).arg(input);
            // Sample n is heard at n / 48000 s of the output; what no packet covers is silent.
            command.args(["-af", "aresample=48000:async=1:first_pts=0", "-ac", "1"]);
            command.args(["-f", "s16le", "pipe:1"]);
        });
        let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        Self { samples: samples.skip(sample(origin)).collect() }
    }

    /// Frequency around a time, in Hz, by the zero crossings.
    pub(super) fn frequency(&self, at: f64) -> f64 {
        let place = |seconds: f64| sample(seconds).min(self.samples.len());
        let window = &self.samples[place(at - WINDOW / 2.0)..place(at + WINDOW / 2.0)];
        let rising = window.windows(2).enumerate().filter(|(_, pair)| pair[0] < 0 && pair[1] >= 0);
        let crossings: Vec<f64> = rising
            .map(|(n, pair)| {
                let (below, above) = (f64::from(pair[0]), f64::from(pair[1]));
                n as f64 - below / (above - below)
            })
            .collect();
        let (Some(first), Some(last)) = (crossings.first(), crossings.last()) else { return 0.0 };
        (crossings.len() - 1) as f64 * RATE / (last - first)
    }

    /// Where in its chirp the sound around a time is, in seconds.
    pub(super) fn chirp(&self, at: f64) -> f64 {
        (self.frequency(at) - 300.0) / 50.0
    }

    /// The longest silence in a stretch: when it begins, and how long it is.
    pub(super) fn longest_silence(&self, from: f64, to: f64) -> (f64, f64) {
        let (mut longest, mut begun) = ((0, 0), None);
        for n in sample(from)..sample(to) {
            let silent = self.samples.get(n).is_none_or(|sample| sample.unsigned_abs() < SILENT);
            if !silent {
                begun = None;
                continue;
            }
            let first = *begun.get_or_insert(n);
            if n + 1 - first > longest.1 {
                longest = (first, n + 1 - first);
            }
        }
        (longest.0 as f64 / RATE, longest.1 as f64 / RATE)
    }
}

/// Times to look at in a stretch of sound, one a second, away from both ends.
pub(super) fn places(from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0_u32..).map(move |n| from + 0.5 + f64::from(n)).take_while(move |at| *at < to - 0.25)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of a clip")]
fn sample(seconds: f64) -> usize {
    (seconds * RATE).round() as usize
}

fn run(tool: &str, arguments: impl FnOnce(&mut std::process::Command)) -> Vec<u8> {
    let mut command = tools::command(tools::find(tool).unwrap());
    arguments(&mut command);
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {log}");
    output.stdout
}
