//! Checks everything that was encoded and packaged, as it is in the store.
//!
//! Changes nothing, so it may run any number of times.

use std::collections::BTreeMap;

use contract::{
    AudioOutput, ErrorCode, Outputs, RenditionOutput,
    verify_video::{Input, Output},
};
use media::{
    plan::Plan,
    playlist,
    verify::{Made, Report, Stored, verify},
};
use storage::{Bucket, layout::Layout};

use crate::{Deps, failure::Error, fingerprint, manifests};

/// Most findings in the message; one defect often causes many.
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
        match deps.store.get_bytes(&layout.init(&name)?).await {
            Ok(bytes) => drop(inits.insert(name, fingerprint::sha256(&bytes))),
            // A finding, which `verify` names.
            Err(storage::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let segment_bytes = |rendition: &str, name: &str| {
        sizes.get(format!("{prefix}/{rendition}/{name}").as_str()).copied()
    };
    let stored = Stored { segment_bytes: &segment_bytes, init_sha256: &inits };
    let made = Made { chunks: &encoded.chunks, audio: &encoded.audio, stored };
    let report = verify(&input.plan, &made).map_err(|findings| {
        let told: Vec<_> = findings.iter().take(FINDINGS_TOLD).map(ToString::to_string).collect();
        let message = format!("{} checks failed: {}", findings.len(), told.join("; "));
        Error::media(ErrorCode::OutputInvalid, message)
    })?;
    let outputs = outputs(&report, &input.plan, layout.master()?.to_string());
    Ok(Output {
        master: playlist::compose(&input.plan, &report),
        decoded: report.decoded,
        decode_errors: report.decode_errors,
        damaged: report.damaged,
        outputs,
    })
}

/// Folders of every planned rendition.
fn names(plan: &Plan) -> Vec<String> {
    let video =
        plan.video.iter().flat_map(|video| video.rungs.iter().map(|rung| rung.name.clone()));
    let audio = plan
        .audio
        .iter()
        .flat_map(|track| track.bitrates.iter().map(|bitrate| track.folder(*bitrate)));
    video.chain(audio).collect()
}

fn outputs(report: &Report, plan: &Plan, master: String) -> Outputs {
    let renditions = report.video.iter().filter_map(|video| {
        let (width, height) = video.size?;
        let audio = playlist::sound_of(video, plan, report);
        let bandwidth =
            audio.map_or(video.bandwidth, |audio| video.bandwidth.with(audio.bandwidth));
        Some(RenditionOutput {
            name: video.name.clone(),
            width,
            height,
            bandwidth: bandwidth.peak,
            average_bandwidth: bandwidth.average,
            codecs: playlist::codecs(video, audio).join(","),
        })
    });
    let audio = plan.audio.iter().flat_map(|track| {
        track.bitrates.iter().filter_map(|bitrate| {
            let name = track.folder(*bitrate);
            let made = report.audio.iter().find(|made| made.name == name)?;
            let bandwidth = made.bandwidth.peak;
            let language = track.facts.language.clone();
            Some(AudioOutput { name, bandwidth, language, default: track.track == 0 })
        })
    });
    Outputs {
        master,
        renditions: renditions.collect(),
        audio: audio.collect(),
        frames: report.frames,
        duration_seconds: report.duration_seconds(),
        ..Outputs::default()
    }
}

#[cfg(test)]
mod tests {
    use fixtures::Clip;
    use media::options::Options;

    use super::*;
    use crate::studio::Studio;

    #[tokio::test]
    async fn a_store_that_fails_says_nothing_about_what_was_made() {
        if fixtures::require_or_skip("ffmpeg").is_none() {
            return;
        }
        let studio = Studio::open().await;
        let (source, facts) = studio.source(&Clip::new().seconds(2).path()).await;
        let plan = Studio::plan(&facts, &Options::default());
        studio.encode(&source, &plan).await;
        let input = Input { video: studio.video, source, plan: plan.clone() };
        let init = Layout::new(studio.video).init(&names(&plan)[0]).unwrap();
        let file = studio.folder.path().join("media").join(init.to_string());
        // What is there cannot be read: the store's trouble, and another try may go better.
        fs_err::remove_file(&file).unwrap();
        fs_err::os::unix::fs::symlink(&file, &file).unwrap();
        let error = run(&studio.deps, input.clone()).await.unwrap_err();
        assert!(error.is_transient() && error.code() != ErrorCode::OutputInvalid, "{error:?}");
        // It is not there: a finding.
        fs_err::remove_file(&file).unwrap();
        let error = run(&studio.deps, input).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::OutputInvalid);
    }
}
