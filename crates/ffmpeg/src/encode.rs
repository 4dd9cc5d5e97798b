//! The picture's encoding runs: builds the arguments, follows the run, and says what came out.
//!
//! Files stay where they were written; the owner of the folder stores or removes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::tokio as fs;
use media::plan::{Plan, VideoPlan};

use crate::args::{self, ChunkFiles, Seek};
use crate::run::{STALL, run_fed};
use crate::samples::{Samples, Track};
use crate::{Error, Finished, Input, Progress, Tools, run};

/// The same for a file that is written twice, to put its index in front: meanwhile nothing is heard.
const STALL_AT_END: Duration = Duration::from_mins(10);
/// How much earlier each further try starts where a seek landed late, or on a picture that others
/// are needed for: key frames are at most [`media::source::KEY_INTERVAL_MAX`] apart.
const EARLIER_US: [i64; 2] = [30_000_000, 120_000_000];
/// Bytes of a file of a chunk beside its bit rate, and by how many times it may exceed that: a bound
/// for what went wrong, not for what came out well.
const FILE_BASE: u64 = 64 << 20;
const FILE_TIMES: u64 = 4;
/// Chunks that begin so early may be decoded from the start of the file. Later ones may not: each of
/// them would decode all that is before it.
const FROM_START_MAX_US: i64 = 600_000_000;

/// What a chunk run made.
#[derive(Debug)]
pub struct EncodedChunk {
    /// One fragmented MP4 per rung, in ladder order.
    pub files: Vec<PathBuf>,
    /// Distinct source pictures decoded within the chunk.
    pub decoded: u64,
    /// Errors the decoder reported.
    pub decode_errors: u64,
    /// Pictures among them that are damaged.
    pub damaged: u64,
}

/// Encodes chunk `index` in every rung into `dir`; `on_frames` receives the number of frames that
/// are done.
/// `marks` are the watermark's pictures, one per rung, or none.
///
/// Seeks as the container allows, and believes the run only when it showed a picture that needs no
/// other before the first one wanted; otherwise it decodes from earlier, and at last, near the start
/// of the file, from there.
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
    let mut last = None;
    for seek in seeks(plan, index) {
        let args = args::chunk(input, marks, plan, index, seek, &outputs);
        let command = tools.ffmpeg().args(args).file_size_limit(file_most(plan, index));
        let ran = run(command, |progress| on_frames(progress.frame), STALL).await;
        let framecrc = fs::read_to_string(outputs.decoded()).await.unwrap_or_default();
        let decoded = args::decoded_within(&framecrc, plan, index);
        let from_start = args::reads_from_start(plan, index, seek);
        match ran {
            Ok(finished) if finished.whole || from_start => {
                return Ok(made(plan, &outputs, decoded, &finished));
            }
            // Nothing decoded at all makes ffmpeg fail; an earlier start may help there too.
            Err(error) if decoded > 0 || from_start || !seek_may_matter(&error) => {
                return Err(error);
            }
            ran => last = Some((ran, decoded)),
        }
    }
    match last {
        // Every key frame of two minutes is lost: nobody can tell which of the pictures are whole.
        Some((Ok(finished), decoded)) => {
            Ok(EncodedChunk { damaged: decoded, ..made(plan, &outputs, decoded, &finished) })
        }
        Some((Err(error), _)) => Err(error),
        None => unreachable!("there is at least one try"),
    }
}

/// Most bytes of a file of a chunk: encoders keep to their bit rate over seconds, and lists of pictures
/// are smaller.
fn file_most(plan: &VideoPlan, index: u32) -> u64 {
    let frames = plan.chunk(index);
    let seconds = plan.grid.seconds(frames.end - frames.start);
    let bits = plan.rungs.iter().map(|rung| rung.bitrate.bits()).max().unwrap_or(0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds of a chunk"
    )]
    let bytes = (seconds * f64::from(bits) / 8.0) as u64;
    FILE_BASE + FILE_TIMES * bytes
}

/// Where decoding starts, try by try.
fn seeks(plan: &VideoPlan, index: u32) -> Vec<Seek> {
    let mut seeks = vec![Seek::Index];
    let begins_us = plan.grid.micros(plan.chunk(index).start);
    if begins_us > 0 {
        seeks.extend(EARLIER_US.map(Seek::Early));
    }
    if begins_us > 0 && begins_us <= FROM_START_MAX_US {
        seeks.push(Seek::Start);
    }
    seeks
}

/// Encodes the master copy into `output`; `on_frames` receives the number of frames that are done.
/// Returns how many there are in the end.
pub async fn encode_mezzanine(
    tools: &Tools,
    input: &Input,
    plan: &Plan,
    output: &Path,
    mut on_frames: impl FnMut(u64) + Send,
) -> Result<u64, Error> {
    let video = plan.video.as_ref().ok_or(Error::NoStreams)?;
    let sound = plan.audio.first().map(|audio| args::mezzanine_sound(video, audio));
    let args = args::mezzanine(input, video, sound.as_ref(), output);
    let command = tools.ffmpeg().args(args);
    let beat = |progress: &Progress| on_frames(progress.frame);
    let finished = match &sound {
        Some(plan) => {
            let samples = Samples::start(tools, input, Track::of(plan))?;
            run_fed(command, samples, beat).await?.0
        }
        None => run(command, beat, STALL_AT_END).await?,
    };
    Ok(finished.progress.frame)
}

fn made(plan: &VideoPlan, files: &ChunkFiles, decoded: u64, finished: &Finished) -> EncodedChunk {
    EncodedChunk {
        files: (0..plan.rungs.len()).map(|at| files.rung(at)).collect(),
        decoded,
        decode_errors: finished.decode_errors,
        damaged: finished.damaged,
    }
}

fn seek_may_matter(error: &Error) -> bool {
    matches!(error, Error::Failed { .. } | Error::InvalidData { .. })
}

#[cfg(test)]
mod tests {
    use media::{
        options::Options,
        plan::{self, Limits},
    };

    use super::*;
    use crate::args::test_facts;

    #[test]
    fn only_chunks_near_the_start_are_decoded_from_there() {
        let limits = Limits { parallel_chunks: 2, chunk_seconds: Some(12), ..Limits::default() };
        let facts = test_facts("25", 45_000);
        let plan = plan::plan(&facts, &Options::default(), limits).unwrap().video.unwrap();
        assert_eq!(seeks(&plan, 0), [Seek::Index]);
        for index in 1..plan.chunks {
            let begins = plan.grid.seconds(plan.chunk(index).start);
            let from_start = seeks(&plan, index).contains(&Seek::Start);
            assert_eq!(from_start, begins <= 600.0, "chunk {index} at {begins} s");
            assert_eq!(seeks(&plan, index).len(), if from_start { 4 } else { 3 });
        }
    }
}
