//! Measures the loudness, and finds the gain that reaches the target. Run twice, the second run
//! finds the record and measures nothing.

use contract::measure_loudness::{Input, NAME, Output};
use storage::layout::Layout;

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse, source};

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    let measure = Box::pin(async {
        let source = source::open(deps, &input.source).await?;
        let beat = |micros: u64| pulse.set(&micros);
        let (plan, target) = (&input.plan, input.target);
        let (tools, read) = (&deps.tools, source.input());
        source.during(ffmpeg::measure_loudness(tools, read, plan, target, beat)).await
    });
    let (loudness, _) = once(deps, &record, "the loudness", measure).await?;
    Ok(loudness)
}

#[cfg(test)]
mod tests {
    use media::options::{LoudnessOption, Options};

    use super::*;
    use crate::studio::Studio;

    async fn measured(sound: &str) -> (Output, Output) {
        let studio = Studio::open().await;
        let file = studio.folder.path().join("sound.flac");
        let args = ["-v", "error", "-f", "lavfi", "-i", sound];
        let made = ffmpeg::Command::new("ffmpeg").args(args).arg(&file);
        let made = made.output(fixtures::PATIENCE).await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (source, facts) = studio.source(&file).await;
        let input = Input {
            video: studio.video,
            source,
            plan: Studio::plan(&facts, &Options::default()).audio.remove(0),
            target: LoudnessOption::default(),
        };
        let first = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        // Without its source, a second run can only have found the record.
        let source = storage::Object::new(input.source.bucket.parse().unwrap(), &*input.source.key);
        studio.deps.store.delete(&source.unwrap()).await.unwrap();
        (first, run(&studio.deps, &Pulse::still(), input).await.unwrap())
    }

    #[tokio::test]
    async fn a_reference_tone_is_measured_once() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        // EBU Tech 3341, case 1: 1 kHz at -23 dBFS in both channels is -23 LUFS.
        let tone = "aevalsrc='0.0708*sin(2*PI*1000*t)|0.0708*sin(2*PI*1000*t)':s=48000:d=3";
        let (first, second) = measured(tone).await;
        let loudness = first.unwrap();
        assert!((loudness.integrated + 23.0).abs() <= 0.1, "{loudness:?}");
        assert!((loudness.offset - 7.0).abs() <= 0.1, "{loudness:?}");
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn silence_has_no_loudness() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        assert_eq!(measured("anullsrc=r=48000:cl=stereo:d=2").await, (None, None));
    }
}
