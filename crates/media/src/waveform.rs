//! Peaks of the sound over time, as data (version 2 of the JSON of BBC's audiowaveform) and as a
//! picture.
//!
//! A pixel is the lowest and the highest of a fixed number of samples, both channels averaged. Its
//! zero is the video's own: the first picture, or the first sound where there is none. Nothing is
//! decoded here.

mod png;

use std::fmt::Write as _;

use crate::plan::{AudioPlan, ENCODER_DELAY_SAMPLES, LEAD_FRAMES, SAMPLE_RATE};

/// Pixels at most: what is sent stays below 64 KiB, whatever the length of the video.
const PIXELS_MAX: u64 = 8000;
/// Fewest samples in a pixel, audiowaveform's default. Longer sound has this many times a power of
/// two, so that a pixel is never a fraction.
const SAMPLES_PER_PIXEL_MIN: u32 = 256;
/// Sample rates that are kept; others are brought to the nearest of them.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// 16-bit steps in one of 8 bits.
const STEP: i16 = 256;

/// How a track is cut into pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Instant of the first sample on the file's own clock, in microseconds.
    pub zero_us: i64,
    /// Samples per second: that of the source, so that no peak is changed by resampling.
    pub sample_rate: u32,
    /// Samples in all, per channel.
    pub samples: u64,
    /// Samples per pixel.
    pub samples_per_pixel: u32,
}

impl Scale {
    /// The scale of a track.
    pub fn of(plan: &AudioPlan) -> Self {
        let sample_rate = plan.facts.sample_rate.clamp(*RATES.start(), *RATES.end());
        let lead_us = lead_us(plan);
        let length_us = (plan.duration_us - lead_us).max(0).unsigned_abs();
        let samples = (u128::from(length_us) * u128::from(sample_rate)).div_ceil(1_000_000);
        let samples = u64::try_from(samples).unwrap_or(u64::MAX).max(1);
        let mut samples_per_pixel = SAMPLES_PER_PIXEL_MIN;
        while samples.div_ceil(u64::from(samples_per_pixel)) > PIXELS_MAX {
            samples_per_pixel = samples_per_pixel.saturating_mul(2);
            if samples_per_pixel == u32::MAX {
                break;
            }
        }
        Self { zero_us: plan.zero_us + lead_us, sample_rate, samples, samples_per_pixel }
    }
}

/// What the plan's time line has in front of the video's own zero. Sound that stands beside
/// pictures lasts at least as long as they do and their lead; sound alone has the encoder's delay,
/// which is shorter than the two frames at 25 fps that its grid would give.
fn lead_us(plan: &AudioPlan) -> i64 {
    let beside = plan.grid.micros(u64::from(LEAD_FRAMES));
    let alone = i64::from(ENCODER_DELAY_SAMPLES) * 1_000_000 / i64::from(SAMPLE_RATE);
    let grid = plan.grid.micros(plan.grid.frames);
    if plan.duration_us - grid >= beside { beside } else { alone }
}

/// Peaks being gathered.
#[derive(Debug)]
pub struct Peaks {
    scale: Scale,
    held: u32,
    low: i16,
    high: i16,
    pixels: Vec<(i8, i8)>,
}

impl Peaks {
    /// Starts before the first sample.
    pub fn new(scale: Scale) -> Self {
        Self { scale, held: 0, low: i16::MAX, high: i16::MIN, pixels: Vec::new() }
    }

    /// Takes one sample of each channel.
    pub fn push(&mut self, left: i16, right: i16) {
        let mean = i16::midpoint(left, right);
        (self.low, self.high) = (self.low.min(mean), self.high.max(mean));
        self.held += 1;
        if self.held == self.scale.samples_per_pixel {
            self.close();
        }
    }

    /// Ends behind the last sample; a pixel that is not full counts.
    pub fn finish(mut self) -> Waveform {
        if self.held > 0 {
            self.close();
        }
        Waveform { scale: self.scale, pixels: self.pixels }
    }

    fn close(&mut self) {
        // Rounded towards zero, as audiowaveform does.
        let byte = |sample: i16| i8::try_from(sample / STEP).unwrap_or_default();
        self.pixels.push((byte(self.low), byte(self.high)));
        (self.held, self.low, self.high) = (0, i16::MAX, i16::MIN);
    }
}

/// The peaks of a whole track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform {
    scale: Scale,
    pixels: Vec<(i8, i8)>,
}

impl Waveform {
    /// As audiowaveform writes it: one channel, 8 bits, lowest and highest in turn.
    pub fn json(&self) -> String {
        let Scale { sample_rate, samples_per_pixel, .. } = self.scale;
        let mut text = format!(
            "{{\"version\":2,\"channels\":1,\"sample_rate\":{sample_rate},\
             \"samples_per_pixel\":{samples_per_pixel},\"bits\":8,\"length\":{},\"data\":[",
            self.pixels.len()
        );
        for (at, (low, high)) in self.pixels.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{low},{high}");
        }
        text + "]}\n"
    }

    /// As a PNG of 1800 × 280 pixels, filled peaks on nothing.
    pub fn png(&self) -> Vec<u8> {
        png::draw(&self.pixels)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{
        options::Options,
        plan::{Limits, plan},
        source::fixtures::{audio, source},
    };

    const LIMITS: Limits = Limits {
        parallel_chunks: 2,
        chunk_seconds: None,
        enhancement_seconds: None,
        queued_chunks: None,
        source: crate::bounds::SourceLimits::NONE,
        chunk_segments: None,
    };

    fn scale(video: Option<(&str, u64)>, start_us: i64, end_us: i64) -> Scale {
        let (rate, frames) = video.unwrap_or(("25", 1));
        let mut facts = source(rate, frames);
        facts.video = facts.video.filter(|_| video.is_some());
        facts.audio = vec![audio(start_us, end_us)];
        Scale::of(&plan(&facts, &Options::default(), LIMITS).unwrap().audio[0])
    }

    #[test]
    fn zero_is_the_first_picture_or_the_first_sound() {
        for rate in ["10", "25", "30000/1001", "60"] {
            let beside = scale(Some((rate, 250)), 750_000, 9_000_000);
            assert_eq!(beside.zero_us, 0, "{rate}");
        }
        let beside = scale(Some(("25", 250)), 0, 9_900_000);
        assert_eq!((beside.zero_us, beside.samples), (0, 480_000));
        for end_us in [23_021, 1_000_000, 1_013_000, 1_039_999, 41_040_000] {
            let alone = scale(None, 23_021, end_us + 23_021);
            assert_eq!(alone.zero_us, 23_021, "{end_us}");
            assert_eq!(alone.samples, (end_us.unsigned_abs() * 48).div_ceil(1000), "{end_us}");
        }
    }

    #[test]
    fn pixels_stay_few_however_long_it_is() {
        for seconds in [1, 42, 43, 3600, 360_000] {
            let scale = scale(None, 0, seconds * 1_000_000);
            let pixels = scale.samples.div_ceil(u64::from(scale.samples_per_pixel));
            assert!(pixels <= PIXELS_MAX, "{pixels} for {seconds} s");
            assert!(pixels > PIXELS_MAX / 2 || scale.samples_per_pixel == 256, "{seconds} s");
        }
    }

    #[test]
    fn the_text_is_what_audiowaveform_writes() {
        let scale = Scale { zero_us: 0, sample_rate: 44_100, samples: 5, samples_per_pixel: 2 };
        let mut peaks = Peaks::new(scale);
        for (left, right) in
            [(-32768, -32768), (32767, 32767), (-255, -255), (300, -300), (5120, 0)]
        {
            peaks.push(left, right);
        }
        expect![[r#"
            {"version":2,"channels":1,"sample_rate":44100,"samples_per_pixel":2,"bits":8,"length":3,"data":[-128,127,0,0,10,10]}
        "#]]
        .assert_eq(&peaks.finish().json());
    }
}
