//! Enhancements: what is asked is made, and nothing that goes wrong with one reaches the ladder.

use contract::{ErrorCode, TaskQueue, completion::Outcome, video};
use media::options::Options;
use temporalio_client::{WorkflowCancelOptions, WorkflowGetResultOptions};

use crate::{
    bench::{with_workers, with_workers_of},
    script::Script,
    video::record,
};

/// Every activity whose failure is a warning, and the step that the warning names.
pub(crate) const ENHANCEMENTS: [(&str, &str); 11] = [
    ("choose_encoder", "encoder"),
    ("render_watermark", "watermark"),
    ("measure_loudness", "loudness"),
    ("make_thumbnail", "thumbnail"),
    ("make_sprites", "sprites"),
    ("make_waveform", "waveform"),
    ("make_chapters", "chapters"),
    ("extract_subtitles", "subtitles"),
    ("make_mezzanine", "mezzanine"),
    ("make_preview", "preview"),
    ("make_mp4", "mp4"),
];

/// A video of which everything is asked that there is.
pub(crate) fn everything() -> Script {
    let options = serde_json::json!({
        "resolutions": ["360p"], "watermark": {"text": "w"}, "thumbnail": {}, "mp4": true,
        "loudness": true, "waveform": true, "preview": true, "sprites": true, "mezzanine": true,
        "chapters": {},
    });
    let options: Options = serde_json::from_value(options).unwrap();
    Script { rich: true, options, ..Script::default() }
}

/// Has a finished ladder wait for what hangs; long enough for all else, which takes no time here.
fn waits(job: &mut video::Input) {
    job.limits.enhancement_seconds = Some(3);
}

#[tokio::test]
async fn everything_that_is_asked_is_made() {
    with_workers(async |bench| {
        let run = bench.start(everything()).await;
        let output = run.handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        let made = &output.outputs;
        assert_eq!(output.warnings, []);
        assert!(made.thumbnail.is_some() && made.sprites.is_some() && made.waveform.is_some());
        assert!(made.chapters.is_some() && made.preview.is_some() && made.mezzanine.is_some());
        assert_eq!(made.mp4.len(), 1);
        assert_eq!(made.subtitles.len(), 1);
        assert!(
            made.loudness.is_some_and(|loudness| (loudness.target_integrated + 16.0).abs() < 1e-9)
        );
        bench.reported(run.id).await;
        let script = bench.stage.script(run.id);
        for (activity, _) in ENHANCEMENTS {
            assert!(script.called().contains(&activity), "{activity}");
        }
        let tracks = script.calls.iter().filter(|call| call.0 == "encode_audio").count();
        assert_eq!(tracks, 2, "one activity per track of sound");
        assert!(script.master.contains("com.apple.hls.chapters"), "{}", script.master);
        assert!(script.master.contains("TYPE=SUBTITLES"), "{}", script.master);
        record("everything", bench.history(&run).await);
    })
    .await;
}

#[tokio::test]
async fn an_enhancement_that_fails_is_a_warning() {
    with_workers(async |bench| {
        let runs = ENHANCEMENTS.map(|(activity, _)| {
            bench.run(Script { fails: Some((activity, "encoder_failed")), ..everything() })
        });
        let ended = futures::future::join_all(runs).await;
        for ((activity, step), (result, script)) in ENHANCEMENTS.into_iter().zip(ended) {
            let output = result.unwrap();
            // Loudness is measured for each of the two tracks of sound.
            let mut warnings: Vec<_> = output.warnings.iter().map(|w| (&*w.step, w.code)).collect();
            warnings.dedup();
            assert_eq!(warnings, [(step, ErrorCode::EncoderFailed)], "{activity}");
            assert!(matches!(&script.outcomes[..], [Outcome::Ready(_)]), "{activity}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_enhancement_that_hangs_is_given_up() {
    with_workers(async |bench| {
        let hanging = [("make_thumbnail", "thumbnail"), ("make_chapters", "chapters")];
        let runs = hanging.map(|(activity, _)| {
            bench.run(Script { stuck: Some(activity), change: Some(waits), ..everything() })
        });
        let ended = futures::future::join_all(runs).await;
        for ((activity, step), (result, _)) in hanging.into_iter().zip(ended) {
            let output = result.unwrap();
            let [warning] = &output.warnings[..] else {
                panic!("{activity}: {:?}", output.warnings)
            };
            assert_eq!((&*warning.step, warning.code), (step, ErrorCode::TimedOut));
        }
    })
    .await;
}

#[tokio::test]
async fn queues_without_workers_do_not_hold_the_video() {
    let absent = [TaskQueue::Thumbnail, TaskQueue::Scenes];
    let queues: Vec<_> = TaskQueue::ALL.into_iter().filter(|q| !absent.contains(q)).collect();
    with_workers_of(&queues, async |bench| {
        let run = bench.start(Script { change: Some(waits), ..everything() }).await;
        let output = run.handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        let mut steps: Vec<_> = output.warnings.iter().map(|w| (&*w.step, w.code)).collect();
        steps.sort_unstable();
        let late = |step| (step, ErrorCode::TimedOut);
        assert_eq!(steps, ["chapters", "sprites", "thumbnail", "waveform"].map(late));
        assert!(output.outputs.mezzanine.is_some() && output.outputs.preview.is_some());
        record("queues-without-workers", bench.history(&run).await);
    })
    .await;
}

#[tokio::test]
async fn a_second_track_that_fails_is_left_out() {
    with_workers(async |bench| {
        let fails = Some(("second track", "encoder_failed"));
        let (result, _) = bench.run(Script { fails, rich: true, ..Script::default() }).await;
        let output = result.unwrap();
        let warnings: Vec<_> = output.warnings.iter().map(|warning| &*warning.step).collect();
        assert!(warnings.contains(&"audio"), "{warnings:?}");
    })
    .await;
}

#[tokio::test]
async fn a_failed_or_cancelled_video_ends_its_enhancements() {
    with_workers(async |bench| {
        let stuck = Some("make_thumbnail");
        let fails = Some(("package_video", "corrupt_media"));
        let (result, script) = bench.run(Script { fails, stuck, ..everything() }).await;
        assert!(result.is_err());
        let [Outcome::Failed { warnings, .. }] = &script.outcomes[..] else {
            panic!("{:?}", script.outcomes)
        };
        assert_eq!(*warnings, [], "what was given up with the video is no warning");

        let run = bench.start(Script { stuck, ..everything() }).await;
        while !bench.stage.script(run.id).called().contains(&"make_thumbnail") {
            tokio::task::yield_now().await;
        }
        run.handle.cancel(WorkflowCancelOptions::default()).await.unwrap();
        assert!(run.handle.get_result(WorkflowGetResultOptions::default()).await.is_err());
        bench.reported(run.id).await;
        assert_eq!(bench.stage.script(run.id).outcomes, [Outcome::Cancelled]);
    })
    .await;
}
