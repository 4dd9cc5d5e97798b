//! The four standard tests of `VideoWorkflow`, and what is particular to it.

use contract::{
    ErrorCode, TaskQueue, VideoId, Warning,
    clean_up::After,
    completion::{self, Outcome},
};
use fixtures::repo_root;
use media::{
    bounds::SourceLimits,
    manifest::{DecodedPictures, DecodedSound, DecodedSource},
    options::Options,
};
use temporalio_client::WorkflowHistory;
use temporalio_client::{
    WorkflowCancelOptions, WorkflowGetResultOptions, WorkflowQueryOptions, WorkflowStartOptions,
    errors::WorkflowGetResultError,
};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use uuid::Uuid;
use workflows::{CompletionWorkflow, DeletionWorkflow, DeliveryWorkflow, VideoWorkflow};

use crate::{
    bench::with_workers,
    enhancements::{ENHANCEMENTS, everything},
    script::Script,
};

/// Steps in the order of a standard source.
const STEPS: [&str; 11] = [
    "begin_video",
    "download_source",
    "probe_source",
    "choose_encoder",
    "encode_audio",
    "transcode_chunk",
    "package_video",
    "verify_video",
    "publish_video",
    "clean_up",
    "record_outcome",
];

/// Set to write the histories that later versions must be able to replay.
const RECORD: &str = "MILLRACE_RECORD_HISTORIES";

#[tokio::test]
async fn completes() {
    with_workers(async |bench| {
        let run = bench.start(Script::default()).await;
        let output = run.handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        assert_eq!(output.outputs.frames, 1500);
        assert_eq!(output.warnings, [], "a ladder nobody named fits itself to the source");
        bench.reported(run.id).await;
        let script = bench.stage.script(run.id);
        let mut called = script.called();
        called.sort_unstable();
        let mut steps = STEPS;
        steps.sort_unstable();
        assert_eq!(called, steps);
        assert_eq!(script.cleaned, [After::Ready]);
        assert!(matches!(&script.outcomes[..], [Outcome::Ready(made)] if **made == output));
        assert!(script.in_flight.1 <= 2, "{} chunks at the same time", script.in_flight.1);
        let progress = run
            .handle
            .query(VideoWorkflow::progress, (), WorkflowQueryOptions::default())
            .await
            .unwrap();
        assert_eq!((progress.chunks_done, progress.chunks_total), (5, 5));
        assert_eq!(progress.chunk_map, "#####");
        assert!((progress.percent - 100.0).abs() < f64::EPSILON);
        record("completes", bench.history(&run).await);
    })
    .await;
}

#[tokio::test]
async fn each_step_failing_leaves_a_clean_slate() {
    with_workers(async |bench| {
        let harmless = ["choose_encoder", "clean_up", "record_outcome"];
        for step in STEPS.into_iter().filter(|step| !harmless.contains(step)) {
            let fails = Some((step, "corrupt_media"));
            let (result, script) = bench.run(Script { fails, ..Script::default() }).await;
            let Err(WorkflowGetResultError::Failed(error)) = result else {
                panic!("{step}: {result:?}")
            };
            assert!(format!("{error:?}").contains("corrupt_media"), "{step}: {error:?}");
            assert_eq!(script.cleaned, [After::Abandoned], "{step}");
            let [Outcome::Failed { failure, .. }] = &script.outcomes[..] else {
                panic!("{step}: {:?}", script.outcomes)
            };
            assert_eq!(failure.code, ErrorCode::CorruptMedia, "{step}");
            assert_eq!(script.in_flight.0, 0, "{step}");
            let published = script.called().contains(&"publish_video");
            assert_eq!(
                published,
                step == "publish_video",
                "{step}: published without passing every check"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_failure_that_may_pass_keeps_finished_chunks() {
    with_workers(async |bench| {
        let fails = Some(("package_video", "no_space"));
        let (result, script) = bench.run(Script { fails, ..Script::default() }).await;
        assert!(result.is_err());
        assert_eq!(script.cleaned, []);
    })
    .await;
}

#[tokio::test]
async fn cleaning_and_reporting_do_not_decide() {
    with_workers(async |bench| {
        let fails = Some(("clean_up", "internal"));
        let (result, script) = bench.run(Script { fails, ..Script::default() }).await;
        assert!(result.is_ok(), "{result:?}");
        assert!(matches!(&script.outcomes[..], [Outcome::Ready(_)]));
    })
    .await;
}

#[tokio::test]
async fn each_activity_run_twice_changes_nothing() {
    with_workers(async |bench| {
        let (once, _) = bench.run(everything()).await;
        let (twice, script) = bench.run(Script { twice: true, ..everything() }).await;
        assert_eq!(once.unwrap(), twice.unwrap());
        for step in STEPS.into_iter().chain(ENHANCEMENTS.map(|(activity, _)| activity)) {
            let attempts: Vec<u32> =
                script.calls.iter().filter(|call| call.0 == step).map(|call| call.1).collect();
            assert!(attempts.contains(&2), "{step} ran {attempts:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_export_follows_publishing_and_its_failure_keeps_what_was_made() {
    with_workers(async |bench| {
        let base = Some("https://cdn.example/p".to_owned());
        let options = Options { playlist_base_url: base.clone(), ..Options::default() };
        let export = Some(contract::Export::published("shows/1"));
        let script =
            || Script { options: options.clone(), export: export.clone(), ..Script::default() };
        let (made, played) = bench.run(script()).await;
        let made = made.unwrap().outputs.export.unwrap();
        assert_eq!((made.master.as_str(), made.playlist), ("shows/1/master.m3u8", base.clone()));
        assert_eq!(played.base, None, "the base is the address of the copies");
        let called = played.called();
        let at = |name: &str| called.iter().position(|step| *step == name);
        assert!(at("publish_video") < at("export_video") && at("export_video") < at("clean_up"));
        let (made, played) = bench.run(Script { twice: true, ..script() }).await;
        assert!(made.is_ok() && played.calls.contains(&("export_video", 2)), "{made:?}");
        let fails = Some(("export_video", "export_failed"));
        let (made, played) = bench.run(Script { fails, ..script() }).await;
        assert!(made.is_err());
        assert_eq!(played.cleaned, [], "an attempt after it would have to encode again");
        let (_, played) = bench.run(Script { export: None, ..script() }).await;
        assert_eq!(played.base, base);
        assert!(!played.called().contains(&"export_video"));
    })
    .await;
}

#[tokio::test]
async fn replays_all_stored_histories() {
    let folder = repo_root().join("crates/workflows/tests/histories");
    let mut replayed = 0;
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let history = WorkflowHistory::from_json(&fs_err::read(&path).unwrap()).unwrap();
        let options = WorkflowReplayerOptions::new()
            .register_workflow::<VideoWorkflow>()
            .unwrap()
            .register_workflow::<CompletionWorkflow>()
            .unwrap()
            .register_workflow::<DeletionWorkflow>()
            .unwrap()
            .register_workflow::<DeliveryWorkflow>()
            .unwrap()
            .build();
        let replay = WorkflowReplayer::new(options).unwrap().replay_workflow(history).await;
        assert!(replay.is_ok(), "{}: {:?}", path.display(), replay.err());
        replayed += 1;
    }
    assert!(replayed >= 3, "{replayed} histories");
}

#[tokio::test]
async fn a_cancelled_video_stops_its_chunks_and_says_so() {
    with_workers(async |bench| {
        let run = bench.start(Script { stuck: Some("transcode_chunk"), ..Script::default() }).await;
        // Cancelled as soon as the first chunk is seen running.
        while bench.stage.script(run.id).in_flight.0 == 0 {
            tokio::task::yield_now().await;
        }
        run.handle.cancel(WorkflowCancelOptions::default()).await.unwrap();
        let result = run.handle.get_result(WorkflowGetResultOptions::default()).await;
        assert!(matches!(result, Err(WorkflowGetResultError::Cancelled { .. })), "{result:?}");
        bench.reported(run.id).await;
        let script = bench.stage.script(run.id);
        assert_eq!(script.in_flight.0, 0);
        assert_eq!(script.outcomes, [Outcome::Cancelled]);
        assert_eq!(script.cleaned, [After::Abandoned]);
        record("cancelled", bench.history(&run).await);
    })
    .await;
}

#[tokio::test]
async fn an_attempt_that_may_not_begin_does_nothing_and_reports_nothing() {
    with_workers(async |bench| {
        for code in ["cancelled", "unauthorized"] {
            let fails = Some(("begin_video", code));
            let run = bench.start(Script { fails, ..Script::default() }).await;
            let result = run.handle.get_result(WorkflowGetResultOptions::default()).await;
            let Err(WorkflowGetResultError::Failed(error)) = result else {
                panic!("{code}: {result:?}")
            };
            assert!(format!("{error:?}").contains(code), "{error:?}");
            // Whatever it did stands in its history, its report too.
            let history = String::from_utf8(bench.history(&run).await).unwrap();
            assert!(!history.contains("EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED"));
            let script = bench.stage.script(run.id);
            assert_eq!((script.called(), script.cleaned), (vec!["begin_video"], vec![]), "{code}");
            record(&format!("refused-{code}"), history.into_bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn a_cancel_that_comes_before_the_beginning_waits_for_its_answer() {
    with_workers(async |bench| {
        for (fails, reported) in [(None, 1), (Some(("begin_video", "unauthorized")), 0)] {
            let gate = Script { held: true, fails, ..Script::default() };
            let run = bench.start(gate).await;
            while bench.stage.script(run.id).calls.is_empty() {
                tokio::task::yield_now().await;
            }
            run.handle.cancel(WorkflowCancelOptions::default()).await.unwrap();
            bench.stage.release(run.id);
            let result = run.handle.get_result(WorkflowGetResultOptions::default()).await;
            let cancelled = matches!(result, Err(WorkflowGetResultError::Cancelled { .. }));
            assert_eq!(cancelled, reported == 1, "{result:?}");
            if reported == 1 {
                bench.reported(run.id).await;
            }
            let script = bench.stage.script(run.id);
            assert_eq!(script.outcomes, vec![Outcome::Cancelled; reported]);
            assert!(!script.called().contains(&"download_source"));
        }
    })
    .await;
}

#[tokio::test]
async fn only_an_attempt_reports_its_own_end() {
    with_workers(async |bench| {
        let id = VideoId(Uuid::now_v7());
        let input = completion::Input { video: id, attempt: 1, outcome: Outcome::Cancelled };
        let options = WorkflowStartOptions::new(
            TaskQueue::VideoWorkflows.name(),
            id.completion_workflow_id(1),
        )
        .build();
        bench.client.start_workflow(CompletionWorkflow::run, input, options).await.unwrap();
        bench.reported(id).await;
        assert_eq!(bench.stage.script(id).called(), Vec::<&str>::new());
    })
    .await;
}

#[tokio::test]
async fn a_non_standard_source_is_rewritten_first() {
    with_workers(async |bench| {
        let run = bench.start(Script { non_standard: true, ..Script::default() }).await;
        let output = run.handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        assert_eq!(output.source.non_standard_input_reasons.len(), 1);
        let probes =
            bench.stage.script(run.id).calls.iter().filter(|call| call.0 == "probe_source").count();
        assert_eq!(probes, 2);
        record("non-standard", bench.history(&run).await);
    })
    .await;
}

#[tokio::test]
async fn a_source_beyond_a_limit_is_refused_before_anything_is_decoded() {
    with_workers(async |bench| {
        let source_limits = SourceLimits { duration_seconds: Some(49), ..SourceLimits::default() };
        let script = Script { source_limits, non_standard: true, ..Script::default() };
        let (ended, script) = bench.run(script).await;
        assert!(ended.is_err());
        let [Outcome::Failed { failure, .. }] = &script.outcomes[..] else {
            panic!("{:?}", script.outcomes)
        };
        assert_eq!(failure.code, ErrorCode::SourceTooLarge);
        assert!(failure.message.contains("at most 49 s are taken (--max-duration)"), "{failure:?}");
        let called = script.called();
        assert!(!called.contains(&"normalize_source"), "{called:?}");
    })
    .await;
}

#[tokio::test]
async fn lost_pictures_are_a_warning_while_half_of_them_are_left() {
    with_workers(async |bench| {
        for (lost, words) in [(1, "1499 of 1500"), (750, "750 of 1500")] {
            let (ended, _) = bench.run(Script { lost, ..Script::default() }).await;
            assert_damaged(&ended.unwrap().warnings, words);
        }
        let (ended, script) = bench.run(Script { lost: 751, ..Script::default() }).await;
        assert!(ended.is_err());
        assert!(!script.called().contains(&"publish_video"));
    })
    .await;
}

#[tokio::test]
async fn what_the_rewriting_lost_is_a_warning_while_half_of_it_is_left() {
    with_workers(async |bench| {
        let pictures = DecodedPictures { expected: 1500, decoded: 750, ..Default::default() };
        let damaged = DecodedPictures { decoded: 1500, damaged: 7, errors: 3, ..pictures };
        let leading = DecodedPictures { decoded: 300, leading: 1100, ..pictures };
        for (pictures, words) in [
            (pictures, "750 of 1500 pictures decoded"),
            (damaged, "1500 of 1500 pictures decoded, 7 of them damaged, 3 errors"),
            (
                leading,
                "300 of 1500 pictures decoded, 0 of them damaged, 0 errors; 1100 stand before",
            ),
        ] {
            let (ended, _) = bench.run(rewritten(pictures, 0)).await;
            assert_damaged(&ended.unwrap().warnings, words);
        }
        let whole = DecodedPictures { decoded: 1500, ..pictures };
        let (ended, _) = bench.run(rewritten(whole, 0)).await;
        assert_eq!(ended.unwrap().warnings, []);
        let less = DecodedPictures { decoded: 749, ..pictures };
        let (ended, script) = bench.run(rewritten(less, 0)).await;
        assert!(ended.is_err() && !script.called().contains(&"transcode_chunk"));
        let [Outcome::Failed { failure, .. }] = &script.outcomes[..] else {
            panic!("{:?}", script.outcomes)
        };
        assert_eq!(failure.code, ErrorCode::CorruptMedia);
        assert!(failure.message.contains("only 749 of 1500 pictures"), "{}", failure.message);
    })
    .await;
}

#[tokio::test]
async fn sound_that_did_not_decode_is_a_warning_with_its_seconds() {
    with_workers(async |bench| {
        let sound = DecodedSound {
            decoded_us: 9_800_000,
            filled_us: 2_200_000,
            errors: 59,
            ..DecodedSound::default()
        };
        let (ended, _) = bench.run(Script { sound, ..Script::default() }).await;
        let words = "the sound is damaged: 2.2 s of 12.0 s did not decode, 59 errors";
        assert_damaged(&ended.unwrap().warnings, words);
        // Gaps in what decodes well are no damage; in what was rewritten they come of its errors.
        let sound = DecodedSound { errors: 0, ..sound };
        let whole = DecodedPictures { expected: 1500, decoded: 1500, ..Default::default() };
        for (errors, warnings) in [(0, 0), (59, 1)] {
            let (ended, _) = bench.run(Script { sound, ..rewritten(whole, errors) }).await;
            let found = ended.unwrap().warnings;
            assert_eq!(found.len(), warnings, "{found:?}");
            if warnings > 0 {
                assert_damaged(&found, words);
            }
        }
    })
    .await;
}

/// A source that is rewritten, with errors in its only track of sound.
fn rewritten(pictures: DecodedPictures, sound_errors: u64) -> Script {
    let decoded = DecodedSource { pictures: Some(pictures), sound_errors: vec![sound_errors] };
    Script { non_standard: true, rewritten: Some(decoded), ..Script::default() }
}

fn assert_damaged(warnings: &[Warning], words: &str) {
    let [warning] = warnings else { panic!("{warnings:?}") };
    assert_eq!(warning.code, ErrorCode::DamagedMedia);
    assert!(warning.message.contains(words), "{warning:?}");
}

pub(crate) fn record(name: &str, history: Vec<u8>) {
    if std::env::var_os(RECORD).is_some() {
        let path = repo_root().join(format!("crates/workflows/tests/histories/{name}.json"));
        fs_err::write(path, history).unwrap();
    }
}
