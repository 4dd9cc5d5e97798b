//! Small pictures of a video at evenly spread moments, on sheets or as bytes.
//!
//! Where the moments lie far apart, each is sought, which costs one key frame instead of a decode of
//! everything between. A seek that does not find a picture of its own interval is not believed:
//! then the whole video is decoded once.

use std::path::{Path, PathBuf};

use fs_err::tokio as fs;
use media::source::{SourceFacts, VideoFacts};
use media::sprites::{Spread, Storyboard, sheet_name};
use media::thumbnail::Gray;
use tokio::io::AsyncWriteExt as _;

use crate::args::{self, Form, Take, Track};
use crate::run::STALL;
use crate::{Error, Input, Tools, run};

/// Shortest step that is sought: starting a process costs as much as decoding a few seconds.
const SEEK_STEP_US: i64 = 4_000_000;

/// A picture to look at.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it is shown, in microseconds from the first picture.
    pub at_us: i64,
    /// What it shows.
    pub picture: Gray,
}

/// Writes the sheets of a storyboard into `dir`; `on_step` is called while it moves.
///
/// Run twice, it writes the same files.
pub async fn sheets(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
    board: &Storyboard,
    dir: &Path,
    mut on_step: impl FnMut() + Send,
) -> Result<Vec<PathBuf>, Error> {
    let track = Track::new(input, source).ok_or(Error::NoStreams)?;
    let files: Vec<PathBuf> =
        (0..board.sheets()).map(|index| dir.join(sheet_name(index))).collect();
    let worth = worth_seeking(track.facts, board.moments);
    if worth && sought_sheets(tools, track, board, &files, &mut on_step).await? {
        return Ok(files);
    }
    // A `%` of the folder's own name is no pattern.
    let folder = dir.to_string_lossy().replace('%', "%%");
    let pattern = Path::new(&folder).join("sheet-%05d.jpg");
    let args = args::sheets(track, board.moments, board.picture, board.sheet, &pattern);
    run(tools.ffmpeg().args(args), |_| on_step(), STALL).await?;
    Ok(files)
}

/// Small gray pictures at evenly spread moments; `on_step` is called while it moves.
pub async fn samples(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
    moments: Spread,
    dir: &Path,
    mut on_step: impl FnMut() + Send,
) -> Result<Vec<Sample>, Error> {
    let track = Track::new(input, source).ok_or(Error::NoStreams)?;
    let (width, height) = media::thumbnail::size(track.facts.display_size(), Gray::WIDTH);
    let form = Form::Gray(width, height);
    if worth_seeking(track.facts, moments) {
        let mut samples = Vec::new();
        for index in 0..moments.count {
            on_step();
            let Some((at_us, bytes)) = sought(tools, track, moments, index, form, dir).await?
            else {
                break;
            };
            samples.push(Sample { at_us, picture: gray(width, bytes) });
        }
        if samples.len() == moments.count as usize {
            return Ok(samples);
        }
    }
    let raw = dir.join("spread.raw");
    let args = args::spread(track, moments, form, &raw);
    run(tools.ffmpeg().args(args), |_| on_step(), STALL).await?;
    let bytes = fs::read(&raw).await.map_err(Error::io("read small pictures"))?;
    let pictures = bytes.chunks_exact(form.bytes()).map(<[u8]>::to_vec);
    let samples = (0..)
        .zip(pictures)
        .map(|(index, bytes)| Sample { at_us: moments.at_us(index), picture: gray(width, bytes) });
    Ok(samples.collect())
}

/// Writes all sheets from sought pictures; false when a seek cannot be believed.
async fn sought_sheets(
    tools: &Tools,
    track: Track<'_>,
    board: &Storyboard,
    files: &[PathBuf],
    on_step: &mut (impl FnMut() + Send),
) -> Result<bool, Error> {
    let form = Form::Jpeg(board.picture.0, board.picture.1);
    for (sheet, file) in (0..).zip(files) {
        let raw = file.with_extension("raw");
        let mut pictures =
            fs::File::create(&raw).await.map_err(Error::io("write small pictures"))?;
        let first = sheet * board.per_sheet();
        for index in first..(first + board.per_sheet()).min(board.moments.count) {
            on_step();
            let dir = file.parent().unwrap_or(Path::new("/"));
            let Some((_, bytes)) = sought(tools, track, board.moments, index, form, dir).await?
            else {
                return Ok(false);
            };
            pictures.write_all(&bytes).await.map_err(Error::io("write small pictures"))?;
        }
        pictures.flush().await.map_err(Error::io("write small pictures"))?;
        let args = args::sheet(&raw, board.picture, board.sheet, file);
        run(tools.ffmpeg().args(args), |_| on_step(), STALL).await?;
        fs::remove_file(&raw).await.map_err(Error::io("remove small pictures"))?;
    }
    Ok(true)
}

/// The picture of one interval and its time; `None` when seeking does not find one.
async fn sought(
    tools: &Tools,
    track: Track<'_>,
    moments: Spread,
    index: u32,
    form: Form,
    dir: &Path,
) -> Result<Option<(i64, Vec<u8>)>, Error> {
    let (raw, times) = (dir.join("one.raw"), dir.join("one.crc"));
    let reach_us = moments.step_us / 2;
    for take in [Take::KeyFrame, Take::Moment] {
        let at_us = moments.at_us(index);
        let args = args::single(track, at_us, reach_us, take, form, (&raw, &times));
        let ran = run(tools.ffmpeg().args(args), |_| {}, STALL).await;
        match ran {
            Ok(finished) if finished.decode_errors == 0 => {}
            Ok(_) | Err(Error::Failed { .. } | Error::InvalidData { .. }) => continue,
            Err(error) => return Err(error),
        }
        let bytes = fs::read(&raw).await.unwrap_or_default();
        let listed = fs::read_to_string(&times).await.unwrap_or_default();
        if let (Some(at_us), true) = (args::time_us(&listed, track), bytes.len() == form.bytes()) {
            return Ok(Some((at_us, bytes)));
        }
    }
    Ok(None)
}

/// True when seeking to each moment costs less than decoding everything: key frames are nearer to
/// each other than moments.
fn worth_seeking(facts: &VideoFacts, moments: Spread) -> bool {
    let line = &facts.timeline;
    let pictures_between = line.frames / line.key_frames.max(1);
    let seconds_between = pictures_between as f64 / line.rate.as_f64();
    moments.step_us >= SEEK_STEP_US && seconds_between * 2e6 <= moments.step_us as f64
}

fn gray(width: u32, pixels: Vec<u8>) -> Gray {
    Gray { width: width as usize, pixels }
}
