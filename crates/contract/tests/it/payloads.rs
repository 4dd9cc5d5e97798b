//! Every payload as JSON. Workers of two versions run beside each other during a deployment, and what
//! one of them wrote days ago is read by the next: replay checks the commands of a workflow, but it does
//! not decode what activities were given.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use contract::{completion, deletion, delivery, transcode_chunk::Beat, video};
use temporalio_common::{ActivityDefinition, QueryDefinition, WorkflowDefinition};

use crate::goldens::{Check, check, folder};

/// The activities of the contract, each with both of its payloads.
macro_rules! activities {
    ($($module:ident),* $(,)?) => {
        [$((
            contract::$module::NAME,
            check::<<contract::$module::Activity as ActivityDefinition>::Input> as Check,
            check::<<contract::$module::Activity as ActivityDefinition>::Output> as Check,
        ),)*]
    };
}

/// The workflows of the contract, each with both of its payloads.
macro_rules! workflows {
    ($($module:ident::$workflow:ident),* $(,)?) => {
        [$((
            $module::NAME,
            check::<<$module::$workflow as WorkflowDefinition>::Input> as Check,
            check::<<$module::$workflow as WorkflowDefinition>::Output> as Check,
        ),)*]
    };
}

/// Every payload: the name of its goldens, and how it is checked.
fn payloads() -> BTreeMap<String, Check> {
    let activities = activities![
        begin_video,
        choose_encoder,
        clean_up,
        delete_video,
        deliver_webhook,
        download_source,
        encode_audio,
        export_video,
        extract_subtitles,
        make_chapters,
        make_mezzanine,
        make_mp4,
        make_preview,
        make_sprites,
        make_thumbnail,
        make_waveform,
        measure_loudness,
        normalize_source,
        package_video,
        probe_source,
        publish_video,
        record_outcome,
        render_watermark,
        transcode_chunk,
        verify_video,
    ];
    let workflows = workflows![
        video::VideoWorkflow,
        completion::CompletionWorkflow,
        deletion::DeletionWorkflow,
        delivery::DeliveryWorkflow,
    ];
    let both = activities.into_iter().chain(workflows).flat_map(|(name, input, output)| {
        [(format!("{name}.input"), input), (format!("{name}.output"), output)]
    });
    let progress: Check = check::<<video::ProgressQuery as QueryDefinition>::Output>;
    let others: [(&str, Check); 2] =
        [("progress.query", progress), ("transcode_chunk.heartbeat", check::<Beat>)];
    both.chain(others.map(|(name, check)| (name.to_owned(), check))).collect()
}

#[test]
fn every_payload_is_read_and_written_as_before() {
    let findings: Vec<_> = payloads().iter().flat_map(|(name, check)| check(name)).collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn every_payload_has_its_goldens() {
    let listed: BTreeSet<String> = payloads().into_keys().collect();
    let files = fs_err::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let files = files.map(|name| name.to_string_lossy().into_owned());
    let files: BTreeSet<_> =
        files.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect();
    assert_eq!(files, listed, "files in goldens, and payloads in this test");

    let declared = declared();
    assert!(declared.len() > 50, "the declarations are not where they were: {declared:?}");
    let missing: Vec<_> = declared.difference(&listed).collect();
    assert!(missing.is_empty(), "declared in the crate, but not listed in this test: {missing:?}");
}

/// Names of the goldens that the declarations in the crate's source call for.
fn declared() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs_err::read_dir(source).unwrap().map(|entry| entry.unwrap().path());
    let declared = files.flat_map(|path| {
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs_err::read_to_string(&path).unwrap();
        text.lines().flat_map(|line| of_line(&module, line.trim_start())).collect::<Vec<_>>()
    });
    declared.collect()
}

/// Names of the goldens that a line of source calls for.
fn of_line(module: &str, line: &str) -> Vec<String> {
    let both = |name: &str| vec![format!("{name}.input"), format!("{name}.output")];
    let implements = |kind: &str| line.strip_prefix(&format!("impl {kind}Definition for "));
    if let Some(rest) = line.strip_prefix("crate::activity!(\"") {
        return both(rest.split('"').next().unwrap());
    }
    if let Some(rest) = implements("Workflow") {
        return both(rest.split(' ').next().unwrap());
    }
    if line.starts_with("pub struct Beat") {
        return vec![format!("{module}.heartbeat")];
    }
    let message = |kind| Some((kind, implements(kind)?.split(kind).next()?));
    let message = ["Query", "Signal", "Update"].into_iter().find_map(message);
    message
        .map(|(kind, name)| format!("{}.{}", name.to_lowercase(), kind.to_lowercase()))
        .into_iter()
        .collect()
}
