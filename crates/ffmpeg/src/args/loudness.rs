//! Loudness (EBU R 128): the run that measures, and the filters that reach a target.
//!
//! `ebur128` measures and one `volume` does the rest where it can. ffmpeg's own `loudnorm` is not
//! used: in 5.1 it measured one of our files 0.4 LU off, has no linear mode for sound without
//! loudness range, and leaves wide ranges wide.

use std::ffi::OsString;

use media::plan::{AudioPlan, Loudness, SAMPLE_RATE};

use super::{
    Args,
    audio::{FORM, Level, piped, sound},
};

/// Rate at which peaks are limited, in hertz: four times over, samples hide next to no true peak.
const PEAK_RATE: u32 = 4 * SAMPLE_RATE;

/// Arguments for measuring the sound of a plan, as it is or, with `loudness`, as it would become.
/// The summary is the last thing in the log.
pub(crate) fn loudness(plan: &AudioPlan, loudness: Option<&Loudness>) -> Vec<OsString> {
    let mut args = Args::default();
    // The filter reports as `info`; frame by frame it would as `verbose`.
    args.words("-v repeat+level+info -threads 1").extend(piped());
    let level = loudness.map_or(Level::Measured, Level::Brought);
    let graph = format!("{},ebur128=framelog=verbose:peak=true[m]", sound(0, plan, level));
    args.pair("-filter_complex_threads", "1").pair("-filter_complex", graph);
    args.words("-map [m] -f null -");
    args.0
}

/// Filters that bring stereo audio to the target loudness. None of them shifts it in time.
pub(super) fn brought(loudness: &Loudness) -> String {
    let mut filters = Vec::new();
    if let Some(ratio) = loudness.ratio() {
        // Slow, as a hand on a fader: what it evens out is loud and quiet scenes, not syllables.
        filters.push(format!(
            "acompressor=threshold={:.6}:ratio={ratio:.3}:attack=200:release=1000:knee=1:\
             link=maximum:detection=rms",
            linear(loudness.threshold).clamp(0.001, 1.0)
        ));
    }
    filters.push(format!("volume={:.3}dB", loudness.offset));
    if loudness.limited() {
        filters.push(format!(
            "aresample={PEAK_RATE},alimiter=level=disabled:latency=1:limit={:.6}:attack=5:release=50,\
             aresample={SAMPLE_RATE}",
            linear(loudness.ceiling()).clamp(0.0625, 1.0)
        ));
    }
    filters.push(FORM.to_owned());
    filters.join(",")
}

/// Decibels as a factor.
fn linear(decibels: f64) -> f64 {
    10_f64.powf(decibels / 20.0)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use media::{loudness::Measured, options::LoudnessOption};

    use super::*;

    fn filters(integrated: f64, true_peak: f64, range: f64) -> String {
        let measured = Measured { integrated, true_peak, range, threshold: integrated - 10.0 };
        brought(&Loudness::of(LoudnessOption::default(), measured).unwrap()).replace(',', "\n")
            + "\n"
    }

    #[test]
    fn one_gain_where_it_is_enough() {
        expect![[r"
            volume=-5.300dB
            aformat=sample_fmts=fltp:channel_layouts=stereo
        "]]
        .assert_eq(&filters(-10.7, 0.4, 6.9));
    }

    #[test]
    fn high_peaks_are_limited_and_wide_ranges_compressed() {
        expect![[r"
            acompressor=threshold=0.072444:ratio=1.327:attack=200:release=1000:knee=1:link=maximum:detection=rms
            volume=-3.200dB
            aresample=192000
            alimiter=level=disabled:latency=1:limit=0.668344:attack=5:release=50
            aresample=48000
            aformat=sample_fmts=fltp:channel_layouts=stereo
        "]]
        .assert_eq(&filters(-12.8, 1.2, 14.6));
    }
}
