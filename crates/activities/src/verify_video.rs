//! Checks everything that was encoded and packaged, as it lies in the store.
//!
//! Changes nothing, so it may run any number of times.

use std::collections::BTreeMap;

use contract::{
    AudioOutput, ErrorCode, Outputs, RenditionOutput,
    verify_video::{Input, Output},
};
use media::{
    plan::Plan,
    playlist::{AudioRendition, Bandwidth, Master, Variant, master_playlist},
    verify::{Made, Rendition, Report, Stored, verify},
};
use storage::{Bucket, layout::Layout};

use crate::{Deps, failure::Error, fingerprint, manifests};

/// Findings told in the message; one defect often causes many.
const FINDINGS_TOLD: usize = 5;

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let encoded = manifests::encoded(deps, input.video, &input.source, &input.plan).await?;
    let prefix = layout.outputs_prefix();
    let listed = deps.store.list(Bucket::Videos, &prefix).await?;
    let sizes: BTreeMap<&str, u64> =
        listed.iter().map(|meta| (meta.key.as_str(), meta.bytes)).collect();
    let mut inits = BTreeMap::new();
    for name in names(&input.plan) {
        if let Ok(bytes) = deps.store.get_bytes(&layout.init(&name)?).await {
            inits.insert(name, fingerprint::sha256(&bytes));
        }
    }
    let segment_bytes = |rendition: &str, name: &str| {
        sizes.get(format!("{prefix}/{rendition}/{name}").as_str()).copied()
    };
    let stored = Stored { segment_bytes: &segment_bytes, init_sha256: &inits };
    let made = Made { chunks: &encoded.chunks, audio: encoded.audio.as_ref(), stored };
    let report = verify(&input.plan, &made).map_err(|findings| {
        let told: Vec<_> = findings.iter().take(FINDINGS_TOLD).map(ToString::to_string).collect();
        let message = format!("{} checks failed: {}", findings.len(), told.join("; "));
        Error::media(ErrorCode::OutputInvalid, message)
    })?;
    let outputs = outputs(&report, &input.plan, layout.master()?.to_string());
    Ok(Output {
        master: master_playlist(&master(&report, &input.plan)),
        decoded: report.decoded,
        decode_errors: report.decode_errors,
        outputs,
    })
}

/// Folders of every planned rendition.
fn names(plan: &Plan) -> Vec<String> {
    let video =
        plan.video.iter().flat_map(|video| video.rungs.iter().map(|rung| rung.name.clone()));
    let audio = plan.audio.iter().flat_map(|audio| &audio.bitrates);
    video.chain(audio.map(|bitrate| format!("audio-{}", bitrate.kbps()))).collect()
}

fn master(report: &Report, plan: &Plan) -> Master {
    if report.video.is_empty() {
        let variants = report.audio.iter().map(|audio| Variant {
            uri: uri(audio),
            bandwidth: audio.bandwidth,
            audio_bandwidth: None,
            codecs: vec![audio.codec.clone()],
            resolution: None,
            frame_rate: None,
            audio_group: None,
        });
        return Master { variants: variants.collect(), audio: Vec::new() };
    }
    let variants = report.video.iter().map(|video| {
        let audio = audio_of(video, report, plan);
        Variant {
            uri: uri(video),
            bandwidth: video.bandwidth,
            audio_bandwidth: audio.map(|audio| audio.bandwidth),
            codecs: codecs(video, audio),
            resolution: video.size,
            frame_rate: plan.video.as_ref().map(|plan| plan.grid.rate),
            audio_group: audio.map(|audio| audio.name.clone()),
        }
    });
    let language = plan.audio.as_ref().and_then(|audio| audio.facts.language.clone());
    let audio = report.audio.iter().map(|audio| AudioRendition {
        group_id: audio.name.clone(),
        name: language.clone().unwrap_or_else(|| "audio".to_owned()),
        uri: uri(audio),
        channels: 2,
        language: language.clone(),
        default: true,
        autoselect: true,
    });
    Master { variants: variants.collect(), audio: audio.collect() }
}

fn outputs(report: &Report, plan: &Plan, master: String) -> Outputs {
    let renditions = report.video.iter().filter_map(|video| {
        let audio = audio_of(video, report, plan);
        let (width, height) = video.size?;
        let bandwidth = together(video, audio);
        Some(RenditionOutput {
            name: video.name.clone(),
            width,
            height,
            bandwidth: bandwidth.peak,
            average_bandwidth: bandwidth.average,
            codecs: codecs(video, audio).join(","),
        })
    });
    let audio = report.audio.iter();
    Outputs {
        master,
        renditions: renditions.collect(),
        audio: audio
            .map(|audio| AudioOutput { name: audio.name.clone(), bandwidth: audio.bandwidth.peak })
            .collect(),
        frames: report.frames,
        duration_seconds: report.duration_seconds(),
    }
}

/// The audio rendition that goes with a rung.
fn audio_of<'a>(video: &Rendition, report: &'a Report, plan: &Plan) -> Option<&'a Rendition> {
    let rungs = &plan.video.as_ref()?.rungs;
    let rung = rungs.iter().find(|rung| rung.name == video.name)?;
    let name = format!("audio-{}", rung.audio_bitrate.kbps());
    report.audio.iter().find(|audio| audio.name == name)
}

fn together(video: &Rendition, audio: Option<&Rendition>) -> Bandwidth {
    audio.map_or(video.bandwidth, |audio| video.bandwidth.with(audio.bandwidth))
}

fn codecs(video: &Rendition, audio: Option<&Rendition>) -> Vec<String> {
    [Some(video), audio].into_iter().flatten().map(|rendition| rendition.codec.clone()).collect()
}

fn uri(rendition: &Rendition) -> String {
    format!("{}/index.m3u8", rendition.name)
}
