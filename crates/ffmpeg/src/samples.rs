//! A track of sound, decoded and put on the time line of the output, as a stream of samples.
//!
//! Every run that uses the audio of a source reads it through this module: the encoders, the meter,
//! the waveform and the master copy.

mod blocks;

use media::alignment::{Alignment, Frame, Report};
use media::manifest::DecodedSound;
use media::plan::{AudioPlan, SAMPLE_RATE};
use media::source::AudioFacts;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;

use crate::{Error, Input, Tools};
use blocks::Blocks;

/// Seconds of audio after the planned end that are still decoded, to distinguish damage from the
/// cut.
const BEYOND_SECONDS: u64 = 10;

/// A stretch of a track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Track<'a> {
    /// The track.
    pub(crate) facts: &'a AudioFacts,
    /// Instant on the file's own clock that becomes zero, in microseconds.
    pub(crate) zero_us: i64,
    /// Samples per second.
    pub(crate) rate: u32,
    /// Samples in all.
    pub(crate) length: u64,
}

/// What became of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What was done to place it.
    pub report: Report,
    /// Samples per second that the report counts in.
    pub rate: u32,
    /// True when the track was decoded to its end, so that what is missing did not decode.
    pub whole: bool,
    /// Errors that the container's reader and the decoder reported.
    pub errors: u64,
}

/// Samples on their way from a source.
pub(crate) struct Samples {
    blocks: Blocks,
    zero: i64,
    alignment: Option<Alignment>,
    beyond: u64,
    /// At the end of the track, whether all of it was decoded.
    ending: Option<bool>,
    heard: Heard,
}

impl Heard {
    /// The same, compared with what the packets of the track promise.
    pub fn decoded(&self, facts: &AudioFacts) -> DecodedSound {
        let us = |samples: u64| {
            let us = u128::from(samples) * 1_000_000 / u128::from(self.rate.max(1));
            u64::try_from(us).unwrap_or(u64::MAX)
        };
        let decoded_us = us(self.report.decoded);
        // Packets of a chain of streams have times in the time base of the first.
        let promised = self.whole && !facts.counted;
        DecodedSound {
            decoded_us,
            missing_us: if promised { facts.packets_us.saturating_sub(decoded_us) } else { 0 },
            // A stamp that is off by itself makes a gap and an overlap.
            filled_us: us(self.report.filled.saturating_sub(self.report.cut)),
            errors: self.errors,
            stray_us: us(self.report.stray),
            restarts: self.report.restarts,
        }
    }
}

impl<'a> Track<'a> {
    /// The sound of a plan.
    pub(crate) fn of(plan: &'a AudioPlan) -> Self {
        let (zero_us, rate) = (plan.zero_us, SAMPLE_RATE);
        Self { facts: &plan.facts, zero_us, rate, length: plan.samples() }
    }
}

impl Samples {
    /// Starts to decode.
    pub(crate) fn start(tools: &Tools, input: &Input, track: Track<'_>) -> Result<Self, Error> {
        let Track { facts, zero_us, rate, length } = track;
        Ok(Self {
            blocks: Blocks::start(tools, input, facts, rate)?,
            zero: scaled(zero_us, rate),
            alignment: Some(Alignment::new(rate, length, !facts.counted)),
            beyond: BEYOND_SECONDS * u64::from(rate),
            ending: None,
            heard: Heard { rate, ..Heard::default() },
        })
    }

    /// The next samples, or `None` when all are given; exactly as many as were asked for. Silence of
    /// hours comes in pieces.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Frame>>, Error> {
        let mut out = Vec::new();
        while let Some(alignment) = &mut self.alignment {
            if alignment.owes() {
                alignment.advance(&mut out);
                return Ok(Some(out));
            }
            let full = alignment.is_full();
            let block = if full && self.beyond == 0 { None } else { self.blocks.next().await? };
            self.heard.errors = self.blocks.errors();
            if let Some(mut block) = block {
                let count = block.frames.len() as u64;
                self.beyond = self.beyond.saturating_sub(if full { count } else { 0 });
                block.stamp = block.stamp.map(|stamp| stamp.saturating_sub(self.zero));
                alignment.push(block, &mut out);
            } else {
                self.ending.get_or_insert(!full || self.beyond > 0);
                if let Some(report) = alignment.finish(&mut out) {
                    self.heard.report = report;
                    self.heard.whole = self.ending == Some(true);
                    self.alignment = None;
                }
            }
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
        Ok(None)
    }

    /// Writes all samples to a program; returns what became of the track. A program that ends before
    /// is no error here: its own end says why.
    pub(crate) async fn feed(mut self, pipe: Option<ChildStdin>) -> Result<Heard, Error> {
        let Some(mut pipe) = pipe else { return Ok(self.heard) };
        while let Some(frames) = self.next().await? {
            let bytes: Vec<u8> = frames.iter().flatten().flat_map(|it| it.to_le_bytes()).collect();
            match pipe.write_all(&bytes).await {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
                written => written.map_err(Error::io("hand on samples"))?,
            }
        }
        Ok(self.heard)
    }
}

/// Decodes a whole track and counts its samples at 48 kHz.
pub(crate) async fn count(tools: &Tools, input: &Input, facts: &AudioFacts) -> Result<u64, Error> {
    let mut blocks = Blocks::start(tools, input, facts, SAMPLE_RATE)?;
    let mut count = 0;
    while let Some(block) = blocks.next().await? {
        count += block.frames.len() as u64;
    }
    Ok(count)
}

/// Microseconds in samples, rounded to nearest.
fn scaled(us: i64, rate: u32) -> i64 {
    let scaled = (i128::from(us) * i128::from(rate) + 500_000).div_euclid(1_000_000);
    i64::try_from(scaled).unwrap_or(i64::MAX)
}
