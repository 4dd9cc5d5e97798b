//! A source with corrected stamps, copied into a Matroska file: nothing is decoded.
//!
//! A transport stream becomes one again: its AAC says in every packet what it is, and may change, while
//! Matroska says it once.
//!
//! Packets are counted, not compared: what the probe counted is what `setts` counts, because both
//! read the same demuxer. With `-copyts` ffmpeg's own repair stays out of it. `setts` of ffmpeg 5.1
//! gets stamps in the output's time base although its `TB` is another's, so both are set here.

use std::{ffi::OsString, fmt::Write as _, path::Path};

use media::{
    epochs::{Correction, Stamps},
    source::SourceFacts,
};

use super::Args;
use crate::input::{Input, input_args};
use crate::probe::Restamped;

/// The time base in which `setts` gets its stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// That of the output: milliseconds in Matroska, 90 kHz in a transport stream.
    Output,
    /// That of the track in the input.
    Track,
}

/// Arguments for copying the played tracks and texts of a source into `output`.
pub(crate) fn restamp(
    input: &Input,
    facts: &SourceFacts,
    restamped: &[Restamped],
    unit: Unit,
    output: &Path,
) -> Vec<OsString> {
    let transport = facts.container == "mpegts";
    let (per_second, form) =
        if transport { (90_000.0, "-f mpegts -mpegts_copyts 1") } else { (1000.0, "-f matroska") };
    let mut args = Args::default();
    args.source_stamps().extend(input_args(input));
    let usable = facts.audio.iter().filter(|audio| audio.channels > 0 && audio.packets > 0);
    let pictures = facts.video.as_ref().map(|video| video.stream);
    let video = pictures.into_iter();
    for (at, stream) in video.chain(usable.map(|audio| audio.stream)).enumerate() {
        args.pair("-map", format!("0:{stream}"));
        if let Some(found) = restamped.iter().find(|it| it.stream == stream) {
            let scale = match unit {
                Unit::Output => found.base.seconds(1) * per_second,
                Unit::Track => 1.0,
            };
            let stamps = |name| stamps(name, &found.corrections, scale);
            let guessed = facts.container.starts_with("matroska") && Some(stream) == pictures;
            let pts = stamps("PTS");
            // What libavformat guesses of decode times follows the stray stamps. Matroska stores none, and
            // no coder keeps a picture back for two seconds.
            let early = 2.0 * scale / found.base.seconds(1);
            let guess = format!("max(PREV_OUTDTS+1\\,{pts}-{early:.0})");
            let dts = if guessed { guess } else { stamps("DTS") };
            args.pair(&format!("-bsf:{at}"), format!("setts=pts={pts}:dts={dts}"));
        }
    }
    // Texts of a broken clock have no place of their own; chapters neither.
    if !transport && restamped.iter().all(|it| only_strays(&it.corrections)) {
        for track in facts.subtitles.iter().filter(|track| track.is_text()) {
            args.pair("-map", format!("0:{}", track.stream));
        }
        args.words("-c:s srt -map_chapters 0");
    } else {
        args.words("-map_chapters -1");
    }
    args.words("-c:v copy -c:a copy -copyinkf -map_metadata:g -1").words(form).output(output);
    args.0
}

fn only_strays(corrections: &[Correction]) -> bool {
    corrections.iter().all(|it| it.stamps.is_counted())
}

/// An expression of `setts`: the stamp `name`, corrected by the packet's number; a tick of the track
/// is `scale` of what it gets. Commas are escaped once, for the list of filters.
fn stamps(name: &str, corrections: &[Correction], scale: f64) -> String {
    let scaled = |ticks: i64| ticks as f64 * scale;
    let mut sum = name.to_owned();
    for Correction { from, to, stamps } in corrections {
        let within = format!("between(N\\,{from}\\,{})", to - 1);
        let _ = match stamps {
            Stamps::Moved(by) => write!(sum, "+{within}*({:.3})", scaled(*by)),
            Stamps::Counted { first, step } => {
                let (first, step) = (scaled(*first), scaled(step.ticks) / step.packets as f64);
                let counted = format!("{first:.3}+(N-{from})*{step:.6}");
                // A packet that strays when it is shown may well say when it is decoded.
                let stamp = match name {
                    "DTS" => format!("min(DTS\\,{counted})"),
                    _ => counted,
                };
                write!(sum, "+{within}*({stamp}-{name})")
            }
        };
    }
    // Matroska takes no packet without a stamp: it follows the one before, as the probe has it.
    format!("if(eq({name}\\,NOPTS)\\,PREV_OUT{name}+DURATION\\,{sum})")
}

#[cfg(test)]
mod tests {
    use media::{epochs::Step, timeline::TimeBase};

    use super::*;
    use crate::args::{joined, test_facts};

    #[test]
    fn packets_are_corrected_by_their_number() {
        let corrections = vec![
            Correction { from: 250, to: 500, stamps: Stamps::Moved(-630_000) },
            Correction {
                from: 500,
                to: 501,
                stamps: Stamps::Counted { first: 7, step: Step { ticks: 3600, packets: 1 } },
            },
        ];
        let base = TimeBase { num: 1, den: 90_000 };
        let restamped = [Restamped { stream: 0, base, corrections }];
        let input = Input::Path("/in/a.ts".into());
        let facts = test_facts("25", 501);
        let counted =
            |unit| joined(&restamp(&input, &facts, &restamped, unit, Path::new("/out/a.mkv")));
        let args = counted(Unit::Output);
        let pts = "if(eq(PTS\\,NOPTS)\\,PREV_OUTPTS+DURATION\\,PTS+between(N\\,250\\,499)*(-7000.000)\
                   +between(N\\,500\\,500)*(0.078+(N-500)*40.000000-PTS))";
        assert!(args.contains(&format!("-bsf:0 setts=pts={pts}:dts=if(eq(DTS")), "{args}");
        assert!(
            !args.contains("-bsf:1") && args.starts_with("-copyts\n-itsoffset 0.000001\n"),
            "{args}"
        );
        assert!(counted(Unit::Track).contains("499)*(-630000.000)"));
    }
}
