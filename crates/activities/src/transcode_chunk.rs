//! Encodes one chunk in every rung, from one decode.
//!
//! Run twice, the second run finds the manifest and encodes nothing. Two runs at the same time
//! write segments under different names; the first manifest decides, clean-up removes the rest.

use std::{path::Path, time::Instant};

use contract::{
    ErrorCode,
    transcode_chunk::{Beat, Input, Output},
};
use media::{manifest::ChunkManifest, plan::VideoPlan};
use storage::{Created, Object, layout::Layout};

use crate::{
    Deps,
    deps::total_bytes,
    failure::Error,
    fingerprint,
    manifests::once,
    observe,
    pulse::Pulse,
    segments::{self, Run},
    source,
};

const MANIFEST: &str = "a chunk manifest";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    tracing::Span::current().record("chunk", input.chunk);
    let layout = Layout::new(input.video);
    let fingerprint = fingerprint::chunks(&input.source, &input.plan);
    let object = layout.chunk(&fingerprint, input.chunk)?;
    let encode = Box::pin(encode(deps, pulse, &input, &layout, fingerprint));
    let (manifest, created) = once(deps, &object, MANIFEST, encode).await?;
    Ok(output(&manifest, matches!(created, Created::AlreadyExists)))
}

async fn encode(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    layout: &Layout,
    fingerprint: String,
) -> Result<ChunkManifest, Error> {
    let source = source::open(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("chunk-{}-{}", input.video, input.chunk))?;
    let marks = bring_marks(deps, &input.plan, scratch.path()).await?;
    let beat = |frames| pulse.set(&Beat { chunk: Some(input.chunk), frames });
    let mut plan = input.plan.clone();
    let short_of_memory = pulse.tally().short_of_memory();
    plan.threads = if short_of_memory { 1 } else { plan.threads_for(deps.encoders) };
    let (plan, dir) = (&plan, scratch.path());
    let started = Instant::now();
    let (tools, read) = (&deps.tools, source.input());
    let chunk = ffmpeg::encode_chunk(tools, read, &marks, plan, input.chunk, dir, beat);
    let chunk = source.during(chunk).await?;
    let frames = input.plan.chunk(input.chunk);
    observe::encoded(started.elapsed(), input.plan.grid.seconds(frames.end - frames.start));
    let mut manifest = ChunkManifest {
        chunk: input.chunk,
        fingerprint,
        first_frame: frames.start,
        frames: frames.end - frames.start,
        decoded: chunk.decoded,
        decode_errors: chunk.decode_errors,
        damaged: chunk.damaged,
        renditions: Vec::new(),
    };
    let run = Run { video_attempt: input.attempt, attempt: pulse.attempt() };
    let segments = input.plan.chunk_segments(input.chunk);
    for (rung, file) in input.plan.rungs.iter().zip(&chunk.files) {
        let grid = input.plan.grid;
        let rendition =
            segments::store_file(deps, layout, run, &rung.name, file, segments.clone(), grid)
                .await?;
        let made: u64 = rendition.segments.iter().map(|segment| u64::from(segment.samples)).sum();
        if made != manifest.frames {
            let message = format!(
                "chunk {}: {} has {made} frames instead of {}",
                input.chunk, rung.name, manifest.frames
            );
            return Err(Error::media(ErrorCode::OutputInvalid, message));
        }
        manifest.renditions.push(rendition);
    }
    Ok(manifest)
}

/// Copies the watermark's pictures, which are small, to where nothing breaks off.
async fn bring_marks(
    deps: &Deps,
    plan: &VideoPlan,
    dir: &Path,
) -> Result<Vec<ffmpeg::Input>, Error> {
    let mut marks = Vec::new();
    for (at, mark) in plan.watermark.iter().flat_map(|mark| &mark.marks).enumerate() {
        let file = dir.join(format!("mark-{at}.png"));
        let object = Object::new(mark.bucket.parse()?, &*mark.key)?;
        deps.store.get_file(&object, &file).await?;
        marks.push(ffmpeg::Input::Path(file));
    }
    Ok(marks)
}

fn output(manifest: &ChunkManifest, reused: bool) -> Output {
    Output {
        chunk: manifest.chunk,
        frames: manifest.frames,
        decoded: manifest.decoded,
        decode_errors: manifest.decode_errors,
        bytes: total_bytes(manifest.renditions.iter().flat_map(|rendition| &rendition.segments)),
        reused,
    }
}

#[cfg(test)]
mod tests {
    use fixtures::Clip;
    use media::{
        options::{Options, Position},
        plan::{Mark, Watermark},
    };
    use storage::Bucket;

    use super::*;
    use crate::studio::Studio;

    /// A black clip, and a plan that lays the mark at `key` over it.
    async fn marked(studio: &Studio, key: &str) -> Input {
        let black =
            Clip::new().seconds(1).without_audio().output_args(["-vf", "lutyuv=16:128:128"]);
        let (source, facts) = studio.source(&black.path()).await;
        let mut plan = Studio::plan(&facts, &Options::default()).video.unwrap();
        let mark = Mark { bucket: "videos".into(), key: key.into(), margin: 8 };
        let marks = plan.rungs.iter().map(|_| mark.clone()).collect();
        plan.watermark = Some(Watermark { position: Position::TopLeft, marks });
        Input { video: studio.video, attempt: 1, source, plan, chunk: 0 }
    }

    #[tokio::test]
    async fn marks_come_from_the_store_and_reach_the_segments() {
        let studio = Studio::open().await;
        let png = studio.folder.path().join("mark.png");
        let made = ffmpeg::Command::new(&studio.deps.tools.ffmpeg)
            .args(["-v", "error", "-f", "lavfi", "-i", "color=white:s=32x16", "-frames:v", "1"])
            .arg(&png)
            .output(fixtures::PATIENCE)
            .await
            .unwrap();
        assert!(made.status.success());
        let object = Object::new(Bucket::Videos, "some/mark.png").unwrap();
        studio.deps.store.copy_file(&object, &png).await.unwrap();
        let input = marked(&studio, "some/mark.png").await;
        let made = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        assert_eq!((made.frames, made.reused), (30, false));
        let rung = &input.plan.rungs[0];
        let folder = format!("videos/{}/outputs/{}", studio.video, rung.name);
        let mut whole = studio.read(&format!("{folder}/init.mp4")).await;
        whole.extend(studio.read(&format!("{folder}/seg-00000-1.1.m4s")).await);
        let file = studio.folder.path().join("whole.mp4");
        fs_err::write(&file, whole).unwrap();
        let shown = ffmpeg::Command::new(&studio.deps.tools.ffmpeg)
            .args(["-v", "error", "-i"])
            .arg(&file)
            .args(["-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"])
            .output(fixtures::PATIENCE)
            .await
            .unwrap()
            .stdout;
        let size = (rung.width * rung.height) as usize;
        assert_eq!(shown.len(), 30 * size);
        for picture in shown.chunks_exact(size) {
            let bright = |x: usize, y: usize| picture[y * rung.width as usize + x] > 128;
            assert!(bright(12, 12) && bright(36, 20) && !bright(3, 3) && !bright(50, 30));
        }
        assert!(run(&studio.deps, &Pulse::still(), input).await.unwrap().reused);
    }

    #[tokio::test]
    async fn a_missing_mark_leaves_nothing() {
        let studio = Studio::open().await;
        let input = marked(&studio, "some/other.png").await;
        run(&studio.deps, &Pulse::still(), input).await.unwrap_err();
        let prefix = Layout::new(studio.video).outputs_prefix();
        assert!(studio.deps.store.list(Bucket::Videos, &prefix).await.unwrap().is_empty());
    }
}
