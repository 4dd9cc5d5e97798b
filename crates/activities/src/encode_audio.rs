//! Encodes the whole sound in every bit rate, from one decode.
//!
//! Run twice, the second run finds the manifest and encodes nothing.

use contract::encode_audio::{Input, Output};
use fs_err::tokio as fs;
use media::manifest::AudioManifest;
use storage::{Created, layout::Layout};

use crate::{
    Deps,
    deps::total_bytes,
    failure::Error,
    fingerprint,
    manifests::{load, readable, settle},
    pulse::Pulse,
    segments::{Run, Writer},
};

const MANIFEST: &str = "the audio manifest";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let fingerprint = fingerprint::audio(&input.source, &input.plan);
    let object = layout.audio(&fingerprint)?;
    if let Some(finished) = load::<AudioManifest>(deps, &object, MANIFEST).await? {
        return Ok(output(&finished, 0, true));
    }
    let source = readable(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("audio-{}", input.video))?;
    let beat = |micros: u64| pulse.set(&micros);
    let sound =
        ffmpeg::encode_audio(&deps.tools, &source, &input.plan, scratch.path(), beat).await?;
    let run = Run { video_attempt: input.attempt, attempt: pulse.attempt() };
    let mut manifest = AudioManifest { fingerprint, renditions: Vec::new() };
    for (bitrate, files) in input.plan.bitrates.iter().zip(&sound.renditions) {
        let init = fs::read(&files.init).await?;
        let name = format!("audio-{}", bitrate.kbps());
        let mut writer = Writer::start(deps, &layout, run, &name, &init, None).await?;
        for (index, segment) in (0..).zip(&files.segments) {
            writer.segment(index, fs::read(segment).await?).await?;
        }
        manifest.renditions.push(writer.finish());
    }
    let (settled, created) = settle(deps, &object, MANIFEST, manifest).await?;
    Ok(output(&settled, sound.decode_errors, matches!(created, Created::AlreadyExists)))
}

fn output(manifest: &AudioManifest, decode_errors: u64, reused: bool) -> Output {
    let bytes = total_bytes(manifest.renditions.iter().flat_map(|rendition| &rendition.segments));
    Output { decode_errors, bytes, reused }
}
