//! From verified renditions to the master playlist that names them.

use super::{AudioRendition, Bandwidth, Master, Variant, labels};
use crate::{
    bitrate::Bitrate,
    plan::Plan,
    source::AudioRole,
    verify::{Rendition, Report},
};

/// What players show for a track that the source does not name.
const UNNAMED: &str = "audio";

/// Names every rendition: each rung with the audio group of its bit rate; each bit rate of the sound
/// where there is no picture. Several tracks are members of every group.
pub fn compose(plan: &Plan, report: &Report) -> Master {
    let audio = if plan.video.is_some() || plan.audio.len() > 1 {
        audio_renditions(plan, report)
    } else {
        Vec::new()
    };
    let variants = match &plan.video {
        Some(_) => report.video.iter().map(|video| rung(video, plan, report)).collect(),
        None => main_sound(plan, report)
            .map(|(bitrate, sound)| Variant {
                uri: uri(sound),
                // Readers compare the mean with this track's, the peak with that of any.
                bandwidth: Bandwidth {
                    peak: group_bandwidth(bitrate, plan, report).map_or(0, |group| group.peak),
                    average: sound.bandwidth.average,
                },
                audio_bandwidth: None,
                codecs: vec![sound.codec.clone()],
                resolution: None,
                frame_rate: None,
                audio_group: (!audio.is_empty()).then(|| group(bitrate)),
            })
            .collect(),
    };
    Master { variants, audio, ..Master::default() }
}

/// The rendition of the main track that goes with a rung.
pub fn sound_of<'a>(
    video: &Rendition,
    plan: &'a Plan,
    report: &'a Report,
) -> Option<&'a Rendition> {
    let bitrate = audio_bitrate(video, plan)?;
    main_sound(plan, report).find(|(other, _)| *other == bitrate).map(|(_, sound)| sound)
}

/// Codec strings of a rung and of its sound.
pub fn codecs(video: &Rendition, audio: Option<&Rendition>) -> Vec<String> {
    [Some(video), audio].into_iter().flatten().map(|rendition| rendition.codec.clone()).collect()
}

fn rung(video: &Rendition, plan: &Plan, report: &Report) -> Variant {
    let audio = sound_of(video, plan, report);
    let bitrate = audio_bitrate(video, plan).filter(|_| audio.is_some());
    Variant {
        uri: uri(video),
        bandwidth: video.bandwidth,
        audio_bandwidth: bitrate.and_then(|bitrate| group_bandwidth(bitrate, plan, report)),
        codecs: codecs(video, audio),
        resolution: video.size,
        frame_rate: plan.video.as_ref().map(|plan| plan.grid.rate),
        audio_group: bitrate.map(group),
    }
}

/// Every track in every group.
fn audio_renditions(plan: &Plan, report: &Report) -> Vec<AudioRendition> {
    let names = plan.audio.iter().map(|track| (&track.facts.title, &track.facts.language));
    let labels = labels(names, UNNAMED);
    let members = plan.audio.iter().zip(&labels).flat_map(|(track, label)| {
        track.bitrates.iter().filter_map(|bitrate| {
            let folder = track.folder(*bitrate);
            let made = report.audio.iter().find(|made| made.name == folder)?;
            Some(AudioRendition {
                group_id: group(*bitrate),
                name: label.clone(),
                uri: uri(made),
                channels: 2,
                language: track.facts.language.clone(),
                default: plan.audio.first().is_some_and(|main| main.track == track.track),
                // What is said about the film is for those who ask for it.
                autoselect: track.facts.role != AudioRole::Commentary,
                role: track.facts.role,
            })
        })
    });
    members.collect()
}

fn main_sound<'a>(
    plan: &'a Plan,
    report: &'a Report,
) -> impl Iterator<Item = (Bitrate, &'a Rendition)> {
    plan.audio.first().into_iter().flat_map(move |main| {
        main.bitrates.iter().filter_map(move |bitrate| {
            let folder = main.folder(*bitrate);
            report.audio.iter().find(|made| made.name == folder).map(|made| (*bitrate, made))
        })
    })
}

/// The worst of a group, because a variant's bandwidth covers every playable combination
/// (RFC 8216, 4.3.4.2).
fn group_bandwidth(bitrate: Bitrate, plan: &Plan, report: &Report) -> Option<Bandwidth> {
    let folders: Vec<String> = plan.audio.iter().map(|track| track.folder(bitrate)).collect();
    let members = report.audio.iter().filter(|made| folders.contains(&made.name));
    members
        .map(|made| made.bandwidth)
        .reduce(|a, b| Bandwidth { peak: a.peak.max(b.peak), average: a.average.max(b.average) })
}

fn audio_bitrate(video: &Rendition, plan: &Plan) -> Option<Bitrate> {
    let rungs = &plan.video.as_ref()?.rungs;
    rungs.iter().find(|rung| rung.name == video.name).map(|rung| rung.audio_bitrate)
}

fn group(bitrate: Bitrate) -> String {
    format!("audio-{}", bitrate.kbps())
}

fn uri(rendition: &Rendition) -> String {
    format!("{}/index.m3u8", rendition.name)
}
