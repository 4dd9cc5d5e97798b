//! Encodes a master copy. Run twice, the second run finds the record and encodes nothing.

use contract::{
    ErrorCode,
    make_mezzanine::{Input, NAME, Output},
};
use fs_err::tokio as fs;
use storage::layout::Layout;

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse, source};

const RECORD: &str = "the record of the master copy";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    Ok(once(deps, &record, RECORD, Box::pin(make(deps, pulse, &input))).await?.0)
}

async fn make(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let Some(video) = &input.plan.video else {
        let message = "a master copy was asked for, but the source has no picture";
        return Err(Error::media(ErrorCode::OptionNotMet, message));
    };
    let source = source::open(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("mezzanine-{}", input.video))?;
    let file = scratch.path().join("mezzanine.mp4");
    let beat = |frames| pulse.set(&frames);
    let (tools, plan) = (&deps.tools, &input.plan);
    let frames = ffmpeg::encode_mezzanine(tools, source.input(), plan, &file, beat);
    let frames = source.during(frames).await?;
    if frames != video.grid.frames {
        let message =
            format!("the master copy has {frames} frames instead of {}", video.grid.frames);
        return Err(Error::media(ErrorCode::OutputInvalid, message));
    }
    let bytes = fs::metadata(&file).await?.len();
    let object = Layout::new(input.video).mezzanine()?;
    deps.mezzanine.put_file(&object, &file).await?;
    Ok(Output { file: object.to_string(), bytes })
}

#[cfg(test)]
mod tests {
    use fixtures::Clip;
    use media::options::Options;

    use super::*;
    use crate::studio::Studio;

    async fn input(studio: &Studio, clip: &Clip) -> Input {
        let (source, facts) = studio.source(&clip.path()).await;
        let plan = Studio::plan(&facts, &Options::default());
        Input { video: studio.video, source, plan }
    }

    /// The stored file, in a place of the test's own.
    async fn file(studio: &Studio) -> std::path::PathBuf {
        let object = Layout::new(studio.video).mezzanine().unwrap();
        let file = studio.folder.path().join("copy.mp4");
        let bytes = studio.deps.mezzanine.get_bytes(&object).await.unwrap();
        fs::write(&file, bytes).await.unwrap();
        file
    }

    /// What ffmpeg decodes of a file.
    async fn decoded(studio: &Studio, file: &std::path::Path, form: &str) -> Vec<u8> {
        let output = ffmpeg::Command::new(&studio.deps.tools.ffmpeg)
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(file)
            .args(form.split(' '))
            .arg("pipe:1")
            .output(fixtures::PATIENCE)
            .await
            .unwrap();
        assert!(output.status.success() && !output.truncated);
        output.stdout
    }

    #[tokio::test]
    async fn flashes_and_beeps_stay_together_in_the_sources_own_size() {
        let studio = Studio::open().await;
        let clip = Clip::flash_and_beep().size(98, 74).seconds(4).fps("25");
        let input = input(&studio, &clip).await;
        let made = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        assert_eq!(made.file, format!("mezzanine/{}/mezzanine.mp4", studio.video));
        let file = file(&studio).await;
        assert_eq!(fs::metadata(&file).await.unwrap().len(), made.bytes);
        let source = ffmpeg::Input::Path(file.clone());
        let facts = ffmpeg::probe(&studio.deps.tools, &source, |_| {}).await.unwrap();
        let video = facts.video.unwrap();
        assert_eq!((video.coded_width, video.coded_height), (98, 74));
        assert_eq!((video.timeline.frames, video.timeline.start_us()), (100, 0));
        assert_eq!((facts.audio[0].channels, facts.audio[0].sample_rate), (2, 48_000));
        let pictures = decoded(&studio, &file, "-pix_fmt gray -f rawvideo").await;
        let samples = decoded(&studio, &file, "-vn -ac 1 -f s16le").await;
        let samples: Vec<i16> =
            samples.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        for mark in clip.marks() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let (frame, sample) = ((mark * 25.0).round() as usize, (mark * 48_000.0) as usize);
            let bright = |frame: usize| pictures[frame * 98 * 74 + 98 * 37] > 128;
            assert!(!bright(frame - 1) && bright(frame), "flash at {mark}");
            let loud =
                |range: std::ops::Range<usize>| samples[range].iter().any(|s| s.abs() > 2000);
            // 10 ms is 480 samples.
            assert!(!loud(sample - 4800..sample - 480), "beep before {mark}");
            assert!(loud(sample..sample + 480), "no beep at {mark}");
        }
    }

    #[tokio::test]
    async fn a_second_run_changes_nothing() {
        let studio = Studio::open().await;
        let input = input(&studio, &Clip::new().seconds(1)).await;
        let first = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        let mut blind = studio;
        blind.deps.tools.ffmpeg = "/nowhere/ffmpeg".into();
        let second = run(&blind.deps, &Pulse::still(), input).await.unwrap();
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn sound_alone_has_no_master_copy() {
        let studio = Studio::open().await;
        let mut input = input(&studio, &Clip::new().seconds(1)).await;
        input.plan.video = None;
        let error = run(&studio.deps, &Pulse::still(), input).await.unwrap_err();
        assert!(matches!(error, Error::Media { code: ErrorCode::OptionNotMet, .. }), "{error}");
    }
}
