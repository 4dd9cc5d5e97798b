//! The encoding runs: builds the arguments, follows the run, and says what came out.
//!
//! Files stay where they were written; whoever owns the folder stores or removes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::tokio as fs;
use media::plan::{AudioPlan, VideoPlan};
use media::source::SourceFacts;

use crate::args::{self, ChunkFiles, Decoded, Seek};
use crate::{Command, Error, Finished, Input, Tools, run};

/// A run whose progress stands still this long is killed.
const STALL: Duration = Duration::from_secs(30);
/// How much earlier a second try starts where a seek landed late.
const EARLIER_US: i64 = 30_000_000;

/// What a chunk run made.
#[derive(Debug)]
pub struct EncodedChunk {
    /// One fragmented MP4 per rung, in ladder order.
    pub files: Vec<PathBuf>,
    /// Distinct source pictures decoded within the chunk.
    pub decoded: u64,
    /// Errors the decoder reported.
    pub decode_errors: u64,
}

/// Encodes chunk `index` in every rung into `dir`; `on_frames` hears how many frames are done.
///
/// Seeks by the container's index first. Where that lands behind the chunk's first picture, it
/// decodes from earlier, and at last from the start of the file.
pub async fn encode_chunk(
    tools: &Tools,
    input: &Input,
    plan: &VideoPlan,
    index: u32,
    dir: &Path,
    mut on_frames: impl FnMut(u64) + Send,
) -> Result<EncodedChunk, Error> {
    let outputs = ChunkFiles::new(dir);
    let mut seeks = vec![Seek::Index];
    if index > 0 {
        seeks.extend([Seek::Early(EARLIER_US), Seek::Start]);
    }
    let mut last = None;
    for seek in seeks {
        let args = args::chunk(input, plan, index, seek, &outputs);
        let command = Command::new(&tools.ffmpeg).args(args);
        let ran = run(command, |progress| on_frames(progress.frame), STALL).await;
        let framecrc = fs::read_to_string(outputs.decoded()).await.unwrap_or_default();
        let decoded = args::decoded_within(&framecrc, plan, index);
        match ran {
            Ok(finished) if decoded.from_the_start => {
                return Ok(made(plan, &outputs, decoded, &finished));
            }
            // Nothing decoded at all makes ffmpeg fail; an earlier start may help there too.
            Err(error) if decoded.pictures > 0 || !seek_may_matter(&error) => return Err(error),
            ran => last = Some((ran, decoded)),
        }
    }
    match last {
        Some((Ok(finished), decoded)) => Ok(made(plan, &outputs, decoded, &finished)),
        Some((Err(error), _)) => Err(error),
        None => unreachable!("there is at least one try"),
    }
}

/// Files of the sound in one bit rate.
#[derive(Debug)]
pub struct SoundFiles {
    /// Initialisation segment.
    pub init: PathBuf,
    /// Segments in order.
    pub segments: Vec<PathBuf>,
}

/// What a sound run made.
#[derive(Debug)]
pub struct EncodedSound {
    /// One entry per bit rate of the plan, in its order.
    pub renditions: Vec<SoundFiles>,
    /// Errors the decoder reported.
    pub decode_errors: u64,
}

/// Encodes the whole sound in every bit rate into `dir`; `on_micros` hears how far it is.
pub async fn encode_audio(
    tools: &Tools,
    input: &Input,
    plan: &AudioPlan,
    dir: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<EncodedSound, Error> {
    let mut dirs = Vec::new();
    for at in 0..plan.bitrates.len() {
        let folder = dir.join(at.to_string());
        fs::create_dir_all(&folder).await.map_err(io("create a folder"))?;
        dirs.push(folder);
    }
    let folders: Vec<&Path> = dirs.iter().map(PathBuf::as_path).collect();
    let command = Command::new(&tools.ffmpeg).args(args::audio(input, plan, &folders));
    let finished = run(command, |progress| on_micros(micros(progress.out_time)), STALL).await?;
    let mut renditions = Vec::new();
    for folder in &dirs {
        let playlist =
            fs::read_to_string(folder.join("index.m3u8")).await.map_err(io("read a playlist"))?;
        let segments = media::playlist::segment_uris(&playlist)
            .into_iter()
            .map(|uri| folder.join(uri))
            .collect();
        renditions.push(SoundFiles { init: folder.join("init.mp4"), segments });
    }
    Ok(EncodedSound { renditions, decode_errors: finished.decode_errors })
}

/// Rewrites a non-standard source into the Matroska file `output`.
pub async fn normalize(
    tools: &Tools,
    input: &Input,
    facts: &SourceFacts,
    output: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<(), Error> {
    let command = Command::new(&tools.ffmpeg).args(args::normalize(input, facts, output));
    run(command, |progress| on_micros(micros(progress.out_time)), STALL).await?;
    Ok(())
}

fn made(
    plan: &VideoPlan,
    files: &ChunkFiles,
    decoded: Decoded,
    finished: &Finished,
) -> EncodedChunk {
    EncodedChunk {
        files: (0..plan.rungs.len()).map(|at| files.rung(at)).collect(),
        decoded: decoded.pictures,
        decode_errors: finished.decode_errors,
    }
}

fn seek_may_matter(error: &Error) -> bool {
    matches!(error, Error::Failed { .. } | Error::InvalidData { .. })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn io(action: &str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action: action.to_owned(), source }
}
