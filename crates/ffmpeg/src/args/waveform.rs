//! The main track as plain samples on standard output.

use std::ffi::OsString;

use media::{plan::AudioPlan, waveform::Scale};

use super::{Args, audio::timed};
use crate::input::{Input, input_args};

/// Arguments that write interleaved stereo, 16 bits little endian, to standard output: exactly
/// the samples of the scale.
pub(crate) fn waveform(input: &Input, plan: &AudioPlan, scale: Scale) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -nostdin -nostats -v repeat+level+error");
    args.words("-threads 1 -copyts -vn -sn -dn").extend(input_args(input));
    let Scale { zero_us, sample_rate, samples, .. } = scale;
    let graph = format!(
        "{},aformat=sample_fmts=s16:channel_layouts=stereo,apad=whole_len={samples},\
         atrim=end_sample={samples}[w]",
        timed(&plan.facts, zero_us, sample_rate)
    );
    args.pair("-filter_complex_threads", "1").pair("-filter_complex", graph);
    args.words("-map [w] -f s16le pipe:1");
    args.0
}
