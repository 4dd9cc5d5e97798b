//! The sound: every bit rate, without gaps, as long as planned.

use super::{Finding, Made, Rendition, check_stored};
use crate::{
    manifest::{PACKET_SAMPLES, RenditionManifest, Segment},
    plan::{AudioPlan, SAMPLE_RATE},
};

/// Samples the length may be off: one AAC frame of priming and one of padding.
const LENGTH_TOLERANCE: u64 = 2 * 1024;

/// Checks all bit rates of all tracks; the renditions are whole only when nothing was found.
pub(super) fn check(
    plans: &[AudioPlan],
    made: &Made<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Rendition> {
    let mut left: Vec<&RenditionManifest> =
        made.audio.iter().flat_map(|manifest| &manifest.renditions).collect();
    let mut whole = Vec::new();
    let planned =
        plans.iter().flat_map(|plan| plan.bitrates.iter().map(move |bitrate| (plan, *bitrate)));
    for (plan, bitrate) in planned {
        let name = plan.folder(bitrate);
        let Some(at) = left.iter().position(|rendition| rendition.name == name) else {
            findings.push(Finding::MissingRendition { rendition: name, chunk: None });
            continue;
        };
        let rendition = left.swap_remove(at);
        check_stored(rendition, None, made.stored, findings);
        check_rendition(rendition, plan.duration_us, findings);
        whole.push(Rendition::measured(rendition, rendition.segments.clone()));
    }
    findings.extend(left.into_iter().map(|rendition| Finding::UnknownRendition {
        rendition: rendition.name.clone(),
        chunk: None,
    }));
    whole
}

fn check_rendition(made: &RenditionManifest, duration_us: i64, findings: &mut Vec<Finding>) {
    let rendition = || made.name.clone();
    if made.timescale != SAMPLE_RATE {
        findings.push(Finding::WrongTimescale {
            rendition: rendition(),
            chunk: None,
            got: made.timescale,
            want: SAMPLE_RATE,
        });
        return;
    }
    let count = u32::try_from(made.segments.len()).unwrap_or(u32::MAX);
    let mut end = 0;
    for (index, segment) in (0..).zip(&made.segments) {
        if segment.index != index {
            let (got, want) = (segment.index, index);
            findings.push(Finding::WrongSegmentIndex { rendition: rendition(), got, want });
        }
        let (at, expected) = (segment.decode_time, end);
        if at != expected {
            findings.push(Finding::AudioGap {
                rendition: rendition(),
                segment: index,
                at,
                expected,
            });
        }
        end = at.saturating_add(segment.duration);
        check_packets(&made.name, segment, index + 1 == count, findings);
    }
    // The sum, not the end: a gap does not lengthen the sound.
    let got: u64 = made.segments.iter().map(|segment| segment.duration).sum();
    let want = samples(duration_us);
    if got + LENGTH_TOLERANCE < want {
        findings.push(Finding::AudioTooShort { rendition: rendition(), got, want });
    } else if got > want + LENGTH_TOLERANCE {
        findings.push(Finding::AudioTooLong { rendition: rendition(), got, want });
    }
}

/// Every packet lasts as long as the samples in it; only the last of all may be cut short.
fn check_packets(rendition: &str, segment: &Segment, last: bool, findings: &mut Vec<Finding>) {
    let want = u64::from(segment.samples) * u64::from(PACKET_SAMPLES);
    let min = if last { want.saturating_sub(u64::from(PACKET_SAMPLES) - 1) } else { want };
    if segment.odd_packets > 0 || !(min..=want).contains(&segment.duration) {
        findings.push(Finding::WrongPackets {
            rendition: rendition.to_owned(),
            segment: segment.index,
            got: segment.duration,
            want,
            odd: segment.odd_packets,
        });
    }
}

/// Microseconds in audio samples, rounded to nearest.
fn samples(us: i64) -> u64 {
    let scaled = u128::from(us.max(0).unsigned_abs()) * u128::from(SAMPLE_RATE);
    u64::try_from((scaled + 500_000) / 1_000_000).unwrap_or(u64::MAX)
}
