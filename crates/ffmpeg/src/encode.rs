//! The picture's encoding runs: builds the arguments, follows the run, and says what came out.
//!
//! Files stay where they were written; whoever owns the folder stores or removes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::tokio as fs;
use media::plan::{Plan, VideoPlan};

use crate::args::{self, ChunkFiles, Decoded, Seek};
use crate::run::STALL;
use crate::{Error, Finished, Input, Tools, run};

/// The same for a file that is written twice, to put its index in front: meanwhile nothing is heard.
const STALL_AT_END: Duration = Duration::from_mins(10);
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
/// `marks` are the watermark's pictures, one per rung, or none.
///
/// Seeks by the container's index first. Where that lands behind the chunk's first picture, it
/// decodes from earlier, and at last from the start of the file.
pub async fn encode_chunk(
    tools: &Tools,
    input: &Input,
    marks: &[Input],
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
        let args = args::chunk(input, marks, plan, index, seek, &outputs);
        let command = tools.ffmpeg().args(args);
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

/// Encodes the master copy into `output`; `on_frames` hears how many frames are done. Returns how
/// many there are in the end.
pub async fn encode_mezzanine(
    tools: &Tools,
    input: &Input,
    plan: &Plan,
    output: &Path,
    mut on_frames: impl FnMut(u64) + Send,
) -> Result<u64, Error> {
    let video = plan.video.as_ref().ok_or(Error::NoStreams)?;
    let args = args::mezzanine(input, video, plan.audio.first(), output);
    let command = tools.ffmpeg().args(args);
    let finished = run(command, |progress| on_frames(progress.frame), STALL_AT_END).await?;
    Ok(finished.progress.frame)
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
