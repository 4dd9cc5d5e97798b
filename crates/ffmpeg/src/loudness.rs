//! Measures the loudness of a track, and of what normalization would make of it.

use media::{
    loudness::{Measured, Tried},
    options::LoudnessOption,
    plan::{AudioPlan, Loudness},
};

use crate::run::run_fed;
use crate::samples::{Samples, Track};
use crate::{Error, Input, Progress, Tools, args};

/// Most corrections of the gain; each costs one more pass over the track.
const CORRECTIONS_MAX: u32 = 4;

/// Finds the gain that brings the audio of a plan to `target`; `None` for silence.
///
/// One pass where a gain alone will do. Where peaks must be limited or the range compressed, up to
/// four more, each measuring what the gain found last leads to. `on_micros` receives the position
/// reached in a pass.
pub async fn measure_loudness(
    tools: &Tools,
    input: &Input,
    plan: &AudioPlan,
    target: LoudnessOption,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<Option<Loudness>, Error> {
    let measured = measure(tools, input, plan, None, &mut on_micros).await?;
    let Some(mut loudness) = Loudness::of(target, measured) else { return Ok(None) };
    let mut before = None;
    for _ in 0..CORRECTIONS_MAX {
        if !loudness.limited() {
            break;
        }
        let heard = measure(tools, input, plan, Some(&loudness), &mut on_micros).await?;
        let Some(next) = loudness.corrected(heard.integrated, before) else { break };
        before = Some(Tried { offset: loudness.offset, reached: heard.integrated });
        loudness = next;
    }
    Ok(Some(loudness))
}

async fn measure(
    tools: &Tools,
    input: &Input,
    plan: &AudioPlan,
    loudness: Option<&Loudness>,
    on_micros: &mut (impl FnMut(u64) + Send),
) -> Result<Measured, Error> {
    let command = tools.ffmpeg().args(args::loudness(plan, loudness));
    let samples = Samples::start(tools, input, Track::of(plan))?;
    let beat = |progress: &Progress| on_micros(progress.micros());
    let (finished, _) = run_fed(command, samples, beat).await?;
    summary(&finished.log_tail).ok_or_else(|| Error::Parse {
        program: tools.ffmpeg.display().to_string(),
        detail: "the loudness meter printed no summary".to_owned(),
    })
}

/// Reads the summary of `ebur128`, the last one in a log. Values that are missing are those of
/// silence.
fn summary(log: &str) -> Option<Measured> {
    let (_, text) = log.rsplit_once("Summary:")?;
    // The first of each name counts: the range has a threshold of its own.
    let value = |name: &str| {
        let found = text.lines().find_map(|line| line.trim().strip_prefix(name))?;
        found.split_ascii_whitespace().next()?.parse::<f64>().ok()
    };
    Some(Measured {
        integrated: value("I:")?,
        threshold: value("Threshold:")?,
        range: value("LRA:")?,
        true_peak: value("Peak:").unwrap_or(f64::NEG_INFINITY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "[info] Stream #0:0: Audio: pcm_s16le
[Parsed_ebur128_8 @ 0x5614d51f9400] [info] Summary:

  Integrated loudness:
    I:         -18.5 LUFS
    Threshold: -28.8 LUFS

  Loudness range:
    LRA:         9.9 LU
    Threshold: -38.6 LUFS
    LRA low:   -25.1 LUFS
    LRA high:  -15.2 LUFS

  True peak:
    Peak:        0.5 dBFS
";

    #[test]
    fn a_summary_is_read() {
        let expected = Measured { integrated: -18.5, true_peak: 0.5, range: 9.9, threshold: -28.8 };
        assert_eq!(summary(LOG), Some(expected));
        assert_eq!(summary("[info] nothing"), None);
        let silent = summary(&LOG.replace("0.5 dBFS", "-inf dBFS")).unwrap();
        assert!(silent.true_peak.is_infinite() && silent.true_peak < 0.0);
    }
}
