//! The sound's encoding run: builds the arguments, follows the run, and says what came out.
//!
//! Files stay where they were written; the owner of the folder stores or removes them.

use std::path::{Path, PathBuf};

use fs_err::tokio as fs;
use media::plan::AudioPlan;

use crate::run::run_fed;
use crate::samples::{Heard, Samples, Track};
use crate::{Error, Input, Progress, Tools, args};

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
    /// What became of the source's samples.
    pub heard: Heard,
}

/// Encodes the whole sound in every bit rate into `dir`; `on_micros` receives the position reached.
pub async fn encode_audio(
    tools: &Tools,
    input: &Input,
    plan: &AudioPlan,
    dir: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<EncodedSound, Error> {
    // Names below the working folder: ffmpeg reads a `%` in a segment's path as part of the pattern,
    // and its HLS writer knows no way to write it otherwise.
    let names: Vec<PathBuf> =
        (0..plan.bitrates.len()).map(|at| PathBuf::from(at.to_string())).collect();
    let dirs: Vec<PathBuf> = names.iter().map(|name| dir.join(name)).collect();
    for folder in &dirs {
        fs::create_dir_all(folder).await.map_err(Error::io("create a folder"))?;
    }
    let folders: Vec<&Path> = names.iter().map(PathBuf::as_path).collect();
    let command = tools.ffmpeg().args(args::audio(plan, &folders)).current_dir(dir);
    let samples = Samples::start(tools, input, Track::of(plan))?;
    let beat = |progress: &Progress| on_micros(progress.micros());
    let (_, heard) = run_fed(command, samples, beat).await?;
    let mut renditions = Vec::new();
    for folder in &dirs {
        let playlist = fs::read_to_string(folder.join("index.m3u8"))
            .await
            .map_err(Error::io("read a playlist"))?;
        let segments = media::playlist::segment_uris(&playlist)
            .into_iter()
            .map(|uri| folder.join(uri))
            .collect();
        renditions.push(SoundFiles { init: folder.join("init.mp4"), segments });
    }
    Ok(EncodedSound { renditions, heard })
}
