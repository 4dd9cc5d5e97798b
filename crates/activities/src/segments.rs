//! From the encoder's fragmented file to stored segments.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use contract::ErrorCode;
use fs_err::tokio as fs;
use media::{
    fmp4::{self, Fragment, Init, Track},
    manifest::{PACKET_SAMPLES, RenditionManifest, Segment},
    plan::LEAD_FRAMES,
    rate::{Grid, same_target},
};
use storage::{Object, layout::Layout};

use crate::{Deps, failure::Error, fingerprint, parts::Parts};

/// Which run writes, so that no two runs ever write the same name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Attempt at the video.
    pub(crate) video_attempt: u32,
    /// Attempt at the activity.
    pub(crate) attempt: u32,
}

impl Run {
    fn segment_name(self, index: u32) -> String {
        format!("seg-{index:05}-{}.{}.m4s", self.video_attempt, self.attempt)
    }
}

/// A rendition being written: its initialisation segment and its folder.
pub(crate) struct Writer<'a> {
    deps: &'a Deps,
    layout: &'a Layout,
    run: Run,
    init: Init,
    /// How far pictures are moved up; `None` for sound.
    lead_ticks: Option<i64>,
    manifest: RenditionManifest,
}

impl<'a> Writer<'a> {
    /// Stores the initialisation segment; equal content is simply written again.
    pub(crate) async fn start(
        deps: &'a Deps,
        layout: &'a Layout,
        run: Run,
        rendition: &str,
        init: &[u8],
        lead_ticks: Option<i64>,
    ) -> Result<Self, Error> {
        let parsed = Init::parse(init)?;
        deps.store.put_bytes(&layout.init(rendition)?, init.to_vec()).await?;
        let manifest = RenditionManifest {
            name: rendition.to_owned(),
            init_sha256: fingerprint::sha256(init),
            codec: parsed.codec.clone(),
            timescale: parsed.timescale,
            size: picture_size(&parsed),
            segments: Vec::new(),
        };
        Ok(Self { deps, layout, run, init: parsed, lead_ticks, manifest })
    }

    /// Stores fragments, mostly one, as segment `index`. Pictures are moved up by the lead, so that
    /// every composition offset is positive and the first frame stands exactly one lead after its
    /// decode time, in every chunk and rung.
    pub(crate) async fn segment(&mut self, index: u32, parts: Vec<Vec<u8>>) -> Result<(), Error> {
        let name = self.run.segment_name(index);
        let mut made = Segment {
            name: name.clone(),
            index,
            bytes: 0,
            decode_time: u64::MAX,
            duration: 0,
            samples: 0,
            key_samples: Vec::new(),
            odd_packets: 0,
        };
        let mut bytes = Vec::new();
        for (number, mut part) in (index + 1..).zip(parts) {
            let fragment = Fragment::parse(&part, &self.init)?;
            self.move_up(index, &fragment, &mut part)?;
            // Only the last segment has more than one fragment, so the numbers rise by one throughout.
            fmp4::renumber(&mut part, number)?;
            if picture_size(&self.init).is_some() {
                let before = made.samples;
                made.key_samples.extend(fragment.key_samples().iter().map(|key| before + key));
            } else {
                made.odd_packets += odd_packets(&fragment);
            }
            made.decode_time = made.decode_time.min(fragment.decode_time);
            made.duration += fragment.duration();
            made.samples += u32::try_from(fragment.samples.len()).unwrap_or(u32::MAX);
            bytes.append(&mut part);
        }
        made.bytes = bytes.len() as u64;
        self.deps.store.put_bytes(&self.object(&name)?, bytes).await?;
        self.manifest.segments.push(made);
        Ok(())
    }

    /// Moves the pictures of a fragment up by the lead; sound stays.
    fn move_up(&self, index: u32, fragment: &Fragment, bytes: &mut [u8]) -> Result<(), Error> {
        let Some(lead) = self.lead_ticks else { return Ok(()) };
        if fragment.first_presentation() != i64::try_from(fragment.decode_time).unwrap_or(i64::MAX)
        {
            let name = &self.manifest.name;
            let message = format!("segment {index} of {name} does not start with its first frame");
            return Err(Error::media(ErrorCode::OutputInvalid, message));
        }
        match fmp4::shift_composition(bytes, lead) {
            // Presets without B-frames: what is decoded is shown, so decoding waits instead.
            Err(fmp4::Error::NoComposition(_)) => {
                Ok(fmp4::delay_decoding(bytes, lead.unsigned_abs())?)
            }
            shifted => Ok(shifted?),
        }
    }

    /// Stores files of one fragment each as segments 0 and following. A short last one joins the one
    /// before as long as the target duration stays the same, as [`Grid::segments`] has it.
    pub(crate) async fn all(&mut self, files: &[PathBuf]) -> Result<(), Error> {
        let mut waiting: Option<Vec<u8>> = None;
        let mut index = 0;
        for (left, file) in (0..files.len()).rev().zip(files) {
            let bytes = fs::read(file).await?;
            let Some(before) = waiting.replace(bytes) else { continue };
            let mut parts = vec![before];
            if left == 0 && self.joins(&parts[0], waiting.as_deref().unwrap_or_default())? {
                parts.extend(waiting.take());
            }
            self.segment(index, parts).await?;
            index += 1;
        }
        match waiting {
            Some(last) => self.segment(index, vec![last]).await,
            None => Ok(()),
        }
    }

    fn joins(&self, before: &[u8], last: &[u8]) -> Result<bool, Error> {
        let ticks = |bytes: &[u8]| Ok::<_, Error>(Fragment::parse(bytes, &self.init)?.duration());
        let (before, last) = (ticks(before)?, ticks(last)?);
        let us = |ticks: u64| {
            let us = u128::from(ticks) * 1_000_000 / u128::from(self.init.timescale.max(1));
            i64::try_from(us).unwrap_or(i64::MAX)
        };
        Ok(same_target(us(before), us(before + last)))
    }

    /// The finished list.
    pub(crate) fn finish(self) -> RenditionManifest {
        self.manifest
    }

    fn object(&self, name: &str) -> Result<Object, Error> {
        Ok(self.layout.rendition_file(&self.manifest.name, name)?)
    }
}

/// Packets of sound that do not last as long as their samples; the last may be cut short.
fn odd_packets(fragment: &Fragment) -> u32 {
    let rest = fragment.samples.split_last().map_or(&[][..], |(_, rest)| rest);
    let odd = rest.iter().filter(|packet| packet.duration != PACKET_SAMPLES).count();
    u32::try_from(odd).unwrap_or(u32::MAX)
}

/// Width and height of a picture track.
fn picture_size(init: &Init) -> Option<(u32, u32)> {
    match init.track {
        Track::Video { width, height } => Some((width, height)),
        Track::Audio { .. } => None,
    }
}

/// Stores a file of one fragment per segment as these segments, one after the other in memory. What is left over, when the last one
/// is longer than others, is a fragment more, because it begins with a key frame.
pub(crate) async fn store_file(
    deps: &Deps,
    layout: &Layout,
    run: Run,
    rendition: &str,
    file: &Path,
    segments: Range<u32>,
    grid: Grid,
) -> Result<RenditionManifest, Error> {
    let mut parts = Parts::open(file).await?;
    let lead = i64::from(LEAD_FRAMES) * i64::from(grid.ticks_per_frame());
    let init = parts.init().await?;
    let mut writer = Writer::start(deps, layout, run, rendition, &init, Some(lead)).await?;
    for index in segments.clone() {
        let mut fragments: Vec<Vec<u8>> = parts.next().await?.into_iter().collect();
        while index + 1 == segments.end
            && let Some(fragment) = parts.next().await?
        {
            fragments.push(fragment);
        }
        if !fragments.is_empty() {
            writer.segment(index, fragments).await?;
        }
    }
    Ok(writer.finish())
}
