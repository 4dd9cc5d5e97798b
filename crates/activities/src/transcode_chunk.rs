//! Encodes one chunk in every rung, from one decode.
//!
//! Run twice, the second run finds the manifest and encodes nothing. Two runs at the same time
//! write segments under different names; the first manifest decides, clean-up removes the rest.

use contract::{
    ErrorCode,
    transcode_chunk::{Beat, Input, Output},
};
use media::manifest::ChunkManifest;
use storage::{Created, layout::Layout};

use crate::{
    Deps,
    deps::total_bytes,
    failure::Error,
    fingerprint,
    manifests::{load, readable, settle},
    pulse::Pulse,
    segments::{self, Run},
};

const MANIFEST: &str = "a chunk manifest";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let fingerprint = fingerprint::chunks(&input.source, &input.plan);
    let object = layout.chunk(&fingerprint, input.chunk)?;
    if let Some(finished) = load::<ChunkManifest>(deps, &object, MANIFEST).await? {
        return Ok(output(&finished, true));
    }
    let made = encode(deps, pulse, &input, &layout, fingerprint).await?;
    let (settled, created) = settle(deps, &object, MANIFEST, made).await?;
    Ok(output(&settled, matches!(created, Created::AlreadyExists)))
}

async fn encode(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    layout: &Layout,
    fingerprint: String,
) -> Result<ChunkManifest, Error> {
    let source = readable(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("chunk-{}-{}", input.video, input.chunk))?;
    let beat = |frames| pulse.set(&Beat { frames });
    let chunk =
        ffmpeg::encode_chunk(&deps.tools, &source, &input.plan, input.chunk, scratch.path(), beat)
            .await?;
    let frames = input.plan.chunk(input.chunk);
    let mut manifest = ChunkManifest {
        chunk: input.chunk,
        fingerprint,
        first_frame: frames.start,
        frames: frames.end - frames.start,
        decoded: chunk.decoded,
        decode_errors: chunk.decode_errors,
        renditions: Vec::new(),
    };
    let run = Run { video_attempt: input.attempt, attempt: pulse.attempt() };
    let first = input.plan.chunk_segments(input.chunk).start;
    for (rung, file) in input.plan.rungs.iter().zip(&chunk.files) {
        let rendition =
            segments::store_file(deps, layout, run, &rung.name, file, first, input.plan.grid)
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
