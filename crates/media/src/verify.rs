//! Compares what was made with what was planned, before any of it is published.
//!
//! Pure: the caller reads the manifests and lists the store, and decides what a finding means for
//! the video. Nothing is repaired here.

mod finding;
mod picture;
mod sound;

use std::collections::BTreeMap;

pub use finding::Finding;

use crate::{
    manifest::{AudioManifest, ChunkManifest, RenditionManifest, Segment},
    plan::Plan,
    playlist::{Bandwidth, bandwidth},
};

/// What the encoders left behind.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// One manifest per chunk, in any order.
    pub chunks: &'a [ChunkManifest],
    /// The manifests of the sound, one per track, in any order.
    pub audio: &'a [AudioManifest],
    /// What the store holds.
    pub stored: Stored<'a>,
}

/// What the store holds, as its listing says, not as the manifests do.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// Size in bytes of a segment, by rendition and file name; `None` when it is not there.
    pub segment_bytes: &'a dyn Fn(&str, &str) -> Option<u64>,
    /// SHA-256 in hex of the initialisation segment to be published, by rendition.
    pub init_sha256: &'a BTreeMap<String, String>,
}

/// A set of renditions that is complete, continuous and as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Frames of every video rendition; 0 without a picture.
    pub frames: u64,
    /// Distinct source pictures decoded.
    pub decoded: u64,
    /// Errors the decoder reported.
    pub decode_errors: u64,
    /// Pictures among those decoded that are damaged.
    pub damaged: u64,
    /// Renditions of the picture, in ladder order.
    pub video: Vec<Rendition>,
    /// Renditions of the sound: track by track, highest bit rate first.
    pub audio: Vec<Rendition>,
}

/// A verified rendition with its measurements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// Folder under `outputs/`.
    pub name: String,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Width and height in pixels; `None` for sound.
    pub size: Option<(u32, u32)>,
    /// Ticks per second of the segments' times.
    pub timescale: u32,
    /// All segments in order.
    pub segments: Vec<Segment>,
    /// Measured bit rates.
    pub bandwidth: Bandwidth,
}

impl Report {
    /// Duration in seconds: that of the picture, or of the sound without one.
    pub fn duration_seconds(&self) -> f64 {
        let rendition = self.video.first().or(self.audio.first());
        rendition.map_or(0.0, |r| r.duration() as f64 / f64::from(r.timescale.max(1)))
    }
}

impl Rendition {
    /// Sum of the segment durations in ticks.
    pub fn duration(&self) -> u64 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }

    /// Bytes of all segments, without the initialisation segment.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn measured(manifest: &RenditionManifest, segments: Vec<Segment>) -> Self {
        Self {
            name: manifest.name.clone(),
            codec: manifest.codec.clone(),
            size: manifest.size,
            timescale: manifest.timescale,
            bandwidth: bandwidth(&segments, manifest.timescale),
            segments,
        }
    }
}

/// Checks everything and reports every finding, not only the first.
///
/// A report means: each planned segment of each planned rendition is stored with its recorded size,
/// stands at its place on the grid, has its frames and key frames, and decodes with the one
/// initialisation segment of its rendition. Frame counts and durations then add up by construction.
pub fn verify(plan: &Plan, made: &Made<'_>) -> Result<Report, Vec<Finding>> {
    let mut findings = Vec::new();
    let video = picture::check(plan.video.as_ref(), made, &mut findings);
    let audio = sound::check(&plan.audio, made, &mut findings);
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Report {
        frames: plan.video.as_ref().map_or(0, |video| video.grid.frames),
        decoded: made.chunks.iter().map(|chunk| chunk.decoded).sum(),
        decode_errors: made.chunks.iter().map(|chunk| chunk.decode_errors).sum(),
        damaged: made.chunks.iter().map(|chunk| chunk.damaged).sum(),
        video,
        audio,
    })
}

/// The checks that picture and sound share: objects are there, whole, and of one initialisation.
fn check_stored(
    manifest: &RenditionManifest,
    chunk: Option<u32>,
    stored: Stored<'_>,
    findings: &mut Vec<Finding>,
) {
    let rendition = || manifest.name.clone();
    match stored.init_sha256.get(&manifest.name) {
        // Said once per rendition, not once per chunk.
        None => {
            let missing = Finding::MissingInit { rendition: rendition() };
            if !findings.contains(&missing) {
                findings.push(missing);
            }
        }
        Some(sha256) if *sha256 != manifest.init_sha256 => {
            findings.push(Finding::InitDiffers { rendition: rendition(), chunk });
        }
        Some(_) => {}
    }
    for segment in &manifest.segments {
        let name = segment.name.clone();
        match (stored.segment_bytes)(&manifest.name, &segment.name) {
            None => findings.push(Finding::MissingSegment { rendition: rendition(), name }),
            Some(got) if got != segment.bytes => findings.push(Finding::WrongSize {
                rendition: rendition(),
                name,
                got,
                want: segment.bytes,
            }),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
