//! The picture: every chunk once, every rung in it, every segment at its place on the grid.

use std::collections::BTreeMap;

use super::{Finding, Made, Rendition, Stored, check_stored};
use crate::{
    ladder::Rung,
    manifest::{ChunkManifest, RenditionManifest, Segment},
    plan::VideoPlan,
};

/// Checks all chunks; the renditions are whole only when nothing was found.
pub(super) fn check(
    plan: Option<&VideoPlan>,
    made: &Made<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Rendition> {
    let planned = plan.map_or(0, |plan| plan.chunks);
    let chunks = by_index(planned, made.chunks, findings);
    let Some(plan) = plan else { return Vec::new() };
    for index in 0..planned {
        match chunks.get(&index) {
            Some(chunk) => check_chunk(plan, chunk, made.stored, findings),
            None => findings.push(Finding::MissingChunk { chunk: index }),
        }
    }
    plan.rungs.iter().filter_map(|rung| joined(rung, &chunks)).collect()
}

/// Planned chunks by index; what is there twice or not planned is reported.
fn by_index<'a>(
    planned: u32,
    manifests: &'a [ChunkManifest],
    findings: &mut Vec<Finding>,
) -> BTreeMap<u32, &'a ChunkManifest> {
    let mut chunks = BTreeMap::new();
    for manifest in manifests {
        let chunk = manifest.chunk;
        if chunk >= planned {
            findings.push(Finding::UnknownChunk { chunk, planned });
        } else if chunks.insert(chunk, manifest).is_some() {
            findings.push(Finding::DuplicateChunk { chunk });
        }
    }
    chunks
}

/// One rung over all chunks.
fn joined(rung: &Rung, chunks: &BTreeMap<u32, &ChunkManifest>) -> Option<Rendition> {
    let of_rung =
        || chunks.values().flat_map(|chunk| &chunk.renditions).filter(|r| r.name == rung.name);
    let segments = of_rung().flat_map(|rendition| rendition.segments.iter().cloned()).collect();
    Some(Rendition::measured(of_rung().next()?, segments))
}

fn check_chunk(
    plan: &VideoPlan,
    chunk: &ChunkManifest,
    stored: Stored<'_>,
    findings: &mut Vec<Finding>,
) {
    let range = plan.chunk(chunk.chunk);
    let (first, frames) = (range.start, range.end - range.start);
    if (chunk.first_frame, chunk.frames) != (first, frames) {
        findings.push(Finding::WrongRange {
            chunk: chunk.chunk,
            got_first: chunk.first_frame,
            got_frames: chunk.frames,
            first,
            frames,
        });
    }
    let mut left: Vec<&RenditionManifest> = chunk.renditions.iter().collect();
    for rung in &plan.rungs {
        match left.iter().position(|rendition| rendition.name == rung.name) {
            Some(at) => {
                let rendition = left.swap_remove(at);
                check_stored(rendition, Some(chunk.chunk), stored, findings);
                check_rendition(&Place { plan, rung, chunk: chunk.chunk }, rendition, findings);
            }
            None => findings.push(Finding::MissingRendition {
                rendition: rung.name.clone(),
                chunk: Some(chunk.chunk),
            }),
        }
    }
    findings.extend(left.into_iter().map(|rendition| Finding::UnknownRendition {
        rendition: rendition.name.clone(),
        chunk: Some(chunk.chunk),
    }));
}

/// Where a rendition's piece belongs.
struct Place<'a> {
    plan: &'a VideoPlan,
    rung: &'a Rung,
    chunk: u32,
}

fn check_rendition(place: &Place<'_>, made: &RenditionManifest, findings: &mut Vec<Finding>) {
    let rendition = || place.rung.name.clone();
    let chunk = place.chunk;
    let size = (place.rung.width, place.rung.height);
    if made.size != Some(size) {
        findings.push(Finding::WrongPicture {
            rendition: rendition(),
            chunk,
            got: made.size,
            want: size,
        });
    }
    let indices = place.plan.chunk_segments(chunk);
    if made.segments.len() != indices.len() {
        findings.push(Finding::WrongSegmentCount {
            rendition: rendition(),
            chunk,
            got: made.segments.len(),
            want: indices.len(),
        });
        // Which one is lacking is unknown, so no segment has a place to be compared with.
        return;
    }
    let timescale = place.plan.grid.timescale();
    if made.timescale != timescale {
        findings.push(Finding::WrongTimescale {
            rendition: rendition(),
            chunk: Some(chunk),
            got: made.timescale,
            want: timescale,
        });
        return;
    }
    for (index, segment) in indices.zip(&made.segments) {
        check_segment(place, index, segment, findings);
    }
}

/// Checks a segment against the grid by its place, so that a wrong number is one finding.
fn check_segment(place: &Place<'_>, index: u32, segment: &Segment, findings: &mut Vec<Finding>) {
    let grid = place.plan.grid;
    let rendition = || place.rung.name.clone();
    let first = grid.segment_start(index);
    let frames = grid.segment_start(index + 1) - first;
    let ticks = u64::from(grid.ticks_per_frame());
    if segment.index != index {
        let (got, want) = (segment.index, index);
        findings.push(Finding::WrongSegmentIndex { rendition: rendition(), got, want });
    }
    let (got, want) = (u64::from(segment.samples), frames);
    if got != want {
        let chunk = place.chunk;
        findings.push(Finding::WrongFrames {
            rendition: rendition(),
            chunk,
            segment: index,
            got,
            want,
        });
    }
    let (at, expected) = (segment.decode_time, first * ticks);
    if at != expected {
        findings.push(Finding::Gap { rendition: rendition(), segment: index, at, expected });
    }
    let (got, want) = (segment.duration, frames * ticks);
    if got != want {
        findings.push(Finding::DurationOff { rendition: rendition(), segment: index, got, want });
    }
    let keys = (0..u32::try_from(frames).unwrap_or(u32::MAX)).step_by(grid.gop_frames() as usize);
    let want: Vec<u32> = keys.collect();
    if segment.key_samples != want {
        let got = segment.key_samples.clone();
        findings.push(Finding::KeyFramesDiffer {
            rendition: rendition(),
            segment: index,
            got,
            want,
        });
    }
}
