//! Decodes a track and folds it into peaks as it comes: memory does not grow with its length
//! beyond the peaks themselves.

use media::{
    plan::AudioPlan,
    waveform::{Peaks, Scale, Waveform},
};

use crate::samples::{Samples, Track};
use crate::{Error, Input, Tools};

/// Gathers the peaks of the sound of a plan; `on_samples` receives the number of samples read so
/// far.
pub async fn waveform(
    tools: &Tools,
    input: &Input,
    plan: &AudioPlan,
    mut on_samples: impl FnMut(u64) + Send,
) -> Result<Waveform, Error> {
    let scale = Scale::of(plan);
    let Scale { zero_us, sample_rate: rate, samples: length, .. } = scale;
    let track = Track { facts: &plan.facts, zero_us, rate, length };
    let mut samples = Samples::start(tools, input, track)?;
    let (mut peaks, mut count) = (Peaks::new(scale), 0);
    while let Some(frames) = samples.next().await? {
        for [left, right] in &frames {
            peaks.push(whole(*left), whole(*right));
        }
        count += frames.len() as u64;
        on_samples(count);
    }
    Ok(peaks.finish())
}

/// A sample of full scale 1 in 16 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that is too large becomes the largest"
)]
fn whole(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}
