//! Plays samples a little faster or slower than they were recorded.
//!
//! A windowed sinc of 32 taps. At its own speed and on whole samples it copies bit by bit, so sound
//! whose clock is right is not touched at all.

use std::f64::consts::PI;

use super::Frame;

/// Samples on either side of an instant that weigh in.
const HALF: usize = 16;
/// Kernels between two samples; in between, neighbours are mixed linearly.
const PHASES: usize = 512;

/// Samples waiting to be played, and where the next one stands between them.
#[derive(Debug)]
pub(super) struct Resampler {
    /// Half a kernel of samples played already, then those to come.
    buffer: Vec<Frame>,
    /// Position of the next output in `buffer`.
    at: f64,
    kernels: Vec<[f32; 2 * HALF]>,
}

impl Resampler {
    pub(super) fn new() -> Self {
        let kernels = (0..=PHASES).map(|phase| kernel(phase as f64 / PHASES as f64)).collect();
        Self { buffer: vec![[0.0; 2]; HALF], at: HALF as f64, kernels }
    }

    /// Takes samples, and gives `stretch` of output for each of input as far as its neighbours are
    /// known.
    pub(super) fn push(&mut self, frames: &[Frame], stretch: f64, out: &mut Vec<Frame>) {
        self.buffer.extend_from_slice(frames);
        self.play(self.buffer.len().saturating_sub(HALF), stretch, out);
    }

    /// Gives what is still held, as if silence followed.
    pub(super) fn flush(&mut self, out: &mut Vec<Frame>) {
        let end = self.buffer.len();
        self.buffer.resize(end + HALF, [0.0; 2]);
        self.play(end, 1.0, out);
        self.buffer.clear();
        self.buffer.resize(HALF, [0.0; 2]);
        self.at = HALF as f64;
    }

    /// Plays up to position `end` of the buffer, which has half a kernel more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions in a buffer, not negative"
    )]
    fn play(&mut self, end: usize, stretch: f64, out: &mut Vec<Frame>) {
        let whole = self.at as usize;
        if (stretch - 1.0).abs() < f64::EPSILON && self.at.fract() < f64::EPSILON {
            out.extend_from_slice(self.buffer.get(whole..end).unwrap_or_default());
            self.at = self.at.max(end as f64);
        } else {
            let step = 1.0 / stretch;
            while self.at < end as f64 {
                out.push(self.between(self.at as usize, self.at.fract()));
                self.at += step;
            }
        }
        let played = (self.at as usize).min(self.buffer.len()).saturating_sub(HALF);
        self.buffer.drain(..played);
        self.at -= played as f64;
    }

    /// The value `fraction` of a sample behind sample `whole`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a fraction of the number of phases"
    )]
    fn between(&self, whole: usize, fraction: f64) -> Frame {
        let phase = fraction * PHASES as f64;
        let (index, mix) = (phase as usize, phase.fract() as f32);
        let (near, far) = (&self.kernels[index], &self.kernels[(index + 1).min(PHASES)]);
        let mut sum = [0.0; 2];
        let around = &self.buffer[whole + 1 - HALF..=whole + HALF];
        for ((frame, a), b) in around.iter().zip(near).zip(far) {
            let weight = a + (b - a) * mix;
            sum[0] += frame[0] * weight;
            sum[1] += frame[1] * weight;
        }
        sum
    }
}

/// Weights of the samples around an instant `fraction` behind the middle one: a sinc under a
/// Blackman window, which together pass a constant unchanged.
#[expect(clippy::cast_possible_truncation, reason = "weights are stored as samples are")]
fn kernel(fraction: f64) -> [f32; 2 * HALF] {
    let mut weights = [0.0; 2 * HALF];
    for (index, weight) in weights.iter_mut().enumerate() {
        let x = index as f64 + 1.0 - HALF as f64 - fraction;
        let sinc = if x.abs() < f64::EPSILON { 1.0 } else { (PI * x).sin() / (PI * x) };
        let turn = PI * x / HALF as f64;
        let window = 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
        *weight = sinc * window;
    }
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| (weight / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 48_000.0;

    #[expect(clippy::cast_possible_truncation, reason = "samples are of 32 bits")]
    fn tone(hertz: f64, count: usize) -> Vec<Frame> {
        let level = |n: usize| (2.0 * PI * hertz * n as f64 / RATE).sin() as f32;
        (0..count).map(|n| [level(n), -level(n)]).collect()
    }

    fn played(frames: &[Frame], stretch: f64, block: usize) -> Vec<Frame> {
        let (mut resampler, mut out) = (Resampler::new(), Vec::new());
        frames.chunks(block).for_each(|block| resampler.push(block, stretch, &mut out));
        resampler.flush(&mut out);
        out
    }

    #[test]
    fn at_its_own_speed_it_copies() {
        let frames = tone(440.0, 5000);
        for block in [1, 7, 1024, 5000] {
            assert!(played(&frames, 1.0, block) == frames, "blocks of {block}");
        }
    }

    #[test]
    fn a_stretched_tone_is_a_lower_tone_and_nothing_else() {
        for (stretch, hertz) in [(1.001, 997.0), (0.995, 5000.0), (1.005, 12_000.0)] {
            let out = played(&tone(hertz, 48_000), stretch, 1024);
            assert!((out.len() as f64 - 48_000.0 * stretch).abs() <= 1.0, "{}", out.len());
            // Whatever is left of it without the tone it should be.
            let turn = 2.0 * PI * hertz / stretch / RATE;
            let worst = (100..out.len() - 100)
                .map(|n| (f64::from(out[n][0]) - (turn * n as f64).sin()).abs())
                .fold(0.0, f64::max);
            assert!(worst < 0.001, "{hertz} Hz at {stretch}: off by {worst}");
            assert!(out.iter().all(|[left, right]| (left + right).abs() < 1e-6));
        }
    }
}
