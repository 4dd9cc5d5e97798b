//! One track of sound as plain samples on standard output, and their times on standard error.
//!
//! Nothing in the graph remembers where it is: ffmpeg builds it anew whenever the sound changes its
//! rate or its channels, and what filters had counted would start again. Gaps, drift and length are
//! `media::alignment`'s business.

use std::ffi::OsString;

use media::source::AudioFacts;

use super::Args;
use crate::input::{Input, input_args};

/// Instance that tells how the samples were coded.
pub(crate) const SOURCE: &str = "ashowinfo@source";
/// Instance that tells when the samples are heard.
pub(crate) const PLACED: &str = "ashowinfo@placed";

/// Arguments that decode a track to interleaved stereo, 32-bit floats little endian.
///
/// Damage never fails the run, however much there is (`-max_error_rate`): what was decoded is counted.
pub(crate) fn samples(input: &Input, facts: &AudioFacts, rate: u32) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-hide_banner -nostdin -nostats -v repeat+level+info -max_error_rate 1");
    args.words("-threads 1").source_stamps().words("-vn -sn -dn").extend(input_args(input));
    let graph = format!(
        "[0:{}]{SOURCE},{}aresample={rate},aformat=sample_fmts=flt:channel_layouts=stereo,{PLACED}[s]",
        facts.stream,
        mix(facts),
    );
    args.pair("-filter_complex_threads", "1").pair("-filter_complex", graph);
    args.words("-map [s] -f f32le pipe:1");
    args.0
}

/// What brings channels to stereo where swresample would not, or not well.
///
/// Its own matrix is that of ITU-R BS.775: centre and surrounds at -3 dB, no low frequency effects.
fn mix(facts: &AudioFacts) -> String {
    let layout = facts.layout.as_deref().unwrap_or_default();
    match facts.channels {
        // Front and sides of a sphere: a left and a right cardioid.
        4.. if layout.starts_with("ambisonic") => {
            "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1,".to_owned()
        }
        // ffmpeg guesses a layout for up to eight channels; beyond that, left and right in turn.
        9.. if matches!(layout, "" | "unknown") || layout.ends_with(" channels") => {
            let side = |first: u32| {
                let of: Vec<_> =
                    (first..facts.channels).step_by(2).map(|c| format!("c{c}")).collect();
                of.join("+")
            };
            format!("pan=stereo|c0<{}|c1<{},", side(0), side(1))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::args::{joined, test_facts};

    #[test]
    fn a_track_is_decoded_without_memory() {
        let facts = test_facts("25", 500).audio.remove(0);
        let args = joined(&samples(&Input::Path("/in/a.mp4".into()), &facts, 48_000));
        let whitelist = args.lines().find(|line| line.starts_with("-format_whitelist")).unwrap();
        expect![[r"
            -hide_banner
            -nostdin
            -nostats
            -v repeat+level+info
            -max_error_rate 1
            -threads 1
            -copyts
            -itsoffset 0.000001
            -vn
            -sn
            -dn
            -protocol_whitelist file
            -i file:/in/a.mp4
            -filter_complex_threads 1
            -filter_complex [0:1]ashowinfo@source,aresample=48000,aformat=sample_fmts=flt:channel_layouts=stereo,ashowinfo@placed[s]
            -map [s]
            -f f32le pipe:1
        "]]
        .assert_eq(&args.replace(&format!("{whitelist}\n"), ""));
    }

    #[test]
    fn many_channels_without_a_layout_are_left_and_right_in_turn() {
        let mut facts = test_facts("25", 500).audio.remove(0);
        (facts.channels, facts.layout) = (10, None);
        assert_eq!(mix(&facts), "pan=stereo|c0<c0+c2+c4+c6+c8|c1<c1+c3+c5+c7+c9,");
    }
}
