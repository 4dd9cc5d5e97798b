//! Finds out what this worker can encode with. Run twice, it returns the same: a worker tries its
//! graphics card once.

use contract::choose_encoder::{Input, Output};
use ffmpeg::encoder::Trial;
use media::{options::EncoderOption, plan::Encoder};

use crate::{Deps, failure::Error, pulse::Pulse};

pub(crate) async fn run(deps: &Deps, _pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let x264 = |reason: String| Ok(Output { encoder: Encoder::X264, reason });
    if input.wanted == EncoderOption::X264 {
        return x264("x264 was asked for".to_owned());
    }
    if deps.encoder == EncoderOption::X264 {
        return x264("the workers are set to x264".to_owned());
    }
    match deps.nvenc.trial(&deps.tools).await? {
        Trial::Works => {
            let reason = "a trial encode with h264_nvenc succeeded".to_owned();
            Ok(Output { encoder: Encoder::Nvenc, reason })
        }
        Trial::Fails(why) => x264(format!("h264_nvenc does not work on this worker: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::Studio;

    async fn chosen(studio: &Studio, wanted: EncoderOption) -> Output {
        let input = Input { video: studio.video, wanted };
        run(&studio.deps, &Pulse::still(), input).await.unwrap()
    }

    /// A program that behaves like ffmpeg with a card, or without, and counts how often it is asked.
    fn pretend(studio: &mut Studio, ending: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let program = studio.folder.path().join("ffmpeg");
        let script = format!("#!/bin/sh\necho asked >> \"$0.log\"\n{ending}\n");
        fs_err::write(&program, script).unwrap();
        fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        studio.deps.tools.ffmpeg = program;
        // It writes its log beside itself.
        studio.deps.tools.containment = ffmpeg::Containment::Off;
    }

    fn asked(studio: &Studio) -> usize {
        let log = studio.folder.path().join("ffmpeg.log");
        fs_err::read_to_string(log).unwrap_or_default().lines().count()
    }

    #[tokio::test]
    async fn a_card_that_works_is_used_and_tried_once() {
        let mut studio = Studio::open().await;
        pretend(&mut studio, "exit 0");
        for wanted in [EncoderOption::Auto, EncoderOption::Nvenc, EncoderOption::Auto] {
            assert_eq!(chosen(&studio, wanted).await.encoder, Encoder::Nvenc);
        }
        assert_eq!(asked(&studio), 1);
    }

    #[tokio::test]
    async fn a_card_that_fails_is_reported_and_tried_once() {
        let mut studio = Studio::open().await;
        pretend(
            &mut studio,
            "echo '[h264_nvenc @ 0x1] [error] Cannot load libcuda.so.1' >&2; exit 1",
        );
        for wanted in [EncoderOption::Nvenc, EncoderOption::Auto] {
            let reason = "h264_nvenc does not work on this worker: Cannot load libcuda.so.1";
            let right = Output { encoder: Encoder::X264, reason: reason.into() };
            assert_eq!(chosen(&studio, wanted).await, right);
        }
        assert_eq!(asked(&studio), 1);
    }

    #[tokio::test]
    async fn nothing_is_tried_where_x264_is_set() {
        let mut studio = Studio::open().await;
        pretend(&mut studio, "exit 0");
        assert_eq!(chosen(&studio, EncoderOption::X264).await.reason, "x264 was asked for");
        studio.deps.encoder = EncoderOption::X264;
        let output = chosen(&studio, EncoderOption::Nvenc).await;
        assert_eq!((output.encoder, asked(&studio)), (Encoder::X264, 0));
    }

    #[tokio::test]
    async fn the_real_ffmpeg_gives_an_answer() {
        let studio = Studio::open().await;
        let output = chosen(&studio, EncoderOption::Auto).await;
        assert!(!output.reason.contains("no reason given"), "{}", output.reason);
    }
}
