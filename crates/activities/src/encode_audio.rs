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
    manifests::once,
    pulse::Pulse,
    segments::{Run, Writer},
    source,
};

const MANIFEST: &str = "the audio manifest";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let fingerprint = fingerprint::audio(&input.source, &input.plan);
    let object = Layout::new(input.video).audio(&fingerprint)?;
    let encode = Box::pin(encode(deps, pulse, &input, fingerprint));
    let (manifest, created) = once(deps, &object, MANIFEST, encode).await?;
    Ok(output(&manifest, matches!(created, Created::AlreadyExists)))
}

async fn encode(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    fingerprint: String,
) -> Result<AudioManifest, Error> {
    let layout = Layout::new(input.video);
    let source = source::open(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("audio-{}", input.video))?;
    let beat = |micros: u64| pulse.set(&micros);
    let (tools, plan, dir) = (&deps.tools, &input.plan, scratch.path());
    let sound = ffmpeg::encode_audio(tools, source.input(), plan, dir, beat);
    let sound = source.during(sound).await?;
    let run = Run { video_attempt: input.attempt, attempt: pulse.attempt() };
    let decoded = sound.heard.decoded(&input.plan.facts);
    let mut manifest = AudioManifest { fingerprint, renditions: Vec::new(), decoded };
    for (bitrate, files) in input.plan.bitrates.iter().zip(&sound.renditions) {
        let init = fs::read(&files.init).await?;
        let name = input.plan.folder(*bitrate);
        let mut writer = Writer::start(deps, &layout, run, &name, &init, None).await?;
        writer.all(&files.segments).await?;
        manifest.renditions.push(writer.finish());
    }
    Ok(manifest)
}

fn output(manifest: &AudioManifest, reused: bool) -> Output {
    let bytes = total_bytes(manifest.renditions.iter().flat_map(|rendition| &rendition.segments));
    let decoded = manifest.decoded;
    Output { decode_errors: decoded.errors, bytes, reused, decoded }
}
