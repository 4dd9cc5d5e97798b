//! From the encoder's fragmented file to stored segments.

use std::path::Path;

use contract::ErrorCode;
use fs_err::tokio as fs;
use media::{
    fmp4::{self, Fragment, Init, Track},
    manifest::{RenditionManifest, Segment},
    plan::LEAD_FRAMES,
    rate::Grid,
};
use storage::{Object, layout::Layout};

use crate::{Deps, failure::Error, fingerprint};

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

    /// Stores one fragment as segment `index`. Pictures are moved up by the lead, so that every
    /// composition offset is positive and the first frame stands exactly one lead after its decode
    /// time, in every chunk and rung.
    pub(crate) async fn segment(&mut self, index: u32, mut bytes: Vec<u8>) -> Result<(), Error> {
        let fragment = Fragment::parse(&bytes, &self.init)?;
        if let Some(lead) = self.lead_ticks {
            if fragment.first_presentation()
                != i64::try_from(fragment.decode_time).unwrap_or(i64::MAX)
            {
                let message = format!(
                    "segment {index} of {} does not start with its first frame",
                    self.manifest.name
                );
                return Err(Error::media(ErrorCode::OutputInvalid, message));
            }
            match fmp4::shift_composition(&mut bytes, lead) {
                // Presets without B-frames: what is decoded is shown, so decoding waits instead.
                Err(fmp4::Error::NoComposition(_)) => {
                    fmp4::delay_decoding(&mut bytes, lead.unsigned_abs())?;
                }
                shifted => shifted?,
            }
        }
        fmp4::renumber(&mut bytes, index + 1)?;
        let name = self.run.segment_name(index);
        let size = bytes.len() as u64;
        self.deps.store.put_bytes(&self.object(&name)?, bytes).await?;
        self.manifest.segments.push(Segment {
            name,
            index,
            bytes: size,
            decode_time: fragment.decode_time,
            duration: fragment.duration(),
            samples: u32::try_from(fragment.samples.len()).unwrap_or(u32::MAX),
            key_samples: if picture_size(&self.init).is_some() {
                fragment.key_samples()
            } else {
                Vec::new()
            },
        });
        Ok(())
    }

    /// The finished list.
    pub(crate) fn finish(self) -> RenditionManifest {
        self.manifest
    }

    fn object(&self, name: &str) -> Result<Object, Error> {
        Ok(self.layout.rendition_file(&self.manifest.name, name)?)
    }
}

/// Width and height of a picture track.
fn picture_size(init: &Init) -> Option<(u32, u32)> {
    match init.track {
        Track::Video { width, height } => Some((width, height)),
        Track::Audio { .. } => None,
    }
}

/// Stores a file of one fragment per segment, the first being segment `first`.
pub(crate) async fn store_file(
    deps: &Deps,
    layout: &Layout,
    run: Run,
    rendition: &str,
    file: &Path,
    first: u32,
    grid: Grid,
) -> Result<RenditionManifest, Error> {
    let bytes = fs::read(file).await?;
    let parts = fmp4::split(&bytes)?;
    let lead = i64::from(LEAD_FRAMES) * i64::from(grid.ticks_per_frame());
    let mut writer =
        Writer::start(deps, layout, run, rendition, &bytes[parts.init], Some(lead)).await?;
    for (index, part) in (first..).zip(parts.fragments) {
        writer.segment(index, bytes[part].to_vec()).await?;
    }
    Ok(writer.finish())
}
