//! Submitting, finding, listing and cancelling videos.

use axum::http::{StatusCode, header};
use contract::{
    AudioOutput, Outputs, RenditionOutput, Source, SourceSummary, Status, VideoId, completion,
    search_attributes, video,
};
use serde_json::json;
use storage::{Bucket, Object};
use temporalio_client::{
    UntypedWorkflow, WorkflowDescribeOptions, WorkflowExecutionDescription,
    WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowTerminateOptions,
};
use temporalio_common::{
    protos::temporal::api::history::v1::history_event::Attributes,
    search_attributes::SearchAttributeKey,
};

use crate::{
    fake::{ending, working},
    harness::Harness,
};

async fn workflow(harness: &Harness, id: VideoId) -> WorkflowExecutionDescription {
    let handle = harness.api.temporal.get_workflow_handle::<UntypedWorkflow>(id.workflow_id(1));
    handle.describe(WorkflowDescribeOptions::default()).await.unwrap()
}

/// What the workflow was started with.
async fn input(harness: &Harness, id: VideoId) -> video::Input {
    let handle = harness.api.temporal.get_workflow_handle::<UntypedWorkflow>(id.workflow_id(1));
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    let events = history.into_events().await.unwrap();
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &events[0].attributes
    else {
        panic!("the history begins with {:?}", events[0]);
    };
    serde_json::from_slice(&started.input.as_ref().unwrap().payloads[0].data).unwrap()
}

#[tokio::test]
async fn a_video_is_taken_kept_and_started() {
    let Some(harness) = Harness::start().await else { return };
    let asked = json!({
        "url": "https://example.com/a/clip.mp4?token=t",
        "options": {"resolutions": ["720p"], "preset": "fast", "priority": 2},
        "metadata": {"mine": [1, null, {"ü": 1.5}]},
    });
    let answer = harness.post("/videos", asked.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let taken = answer.json();
    let id: VideoId = taken["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.0.get_version_num(), 7);
    assert_eq!(answer.header(header::LOCATION), format!("/videos/{id}"));
    assert_eq!(harness.get(answer.header(header::LOCATION)).await.json(), taken);
    let workflow_id = id.workflow_id(1);
    let pages = format!("http://127.0.0.1:8080/namespaces/default/workflows/{workflow_id}");
    let expected = json!({
        "id": id, "status": "uploaded", "attempt": 1,
        "created_at": taken["created_at"], "updated_at": taken["created_at"], "expires_at": null,
        "source": {"kind": "url", "url": "https://example.com/a/clip.mp4"},
        "options": asked["options"], "progress": null, "outputs": null, "warnings": [],
        "error": null, "metadata": asked["metadata"], "webhook": null,
        "links": {"self": format!("/videos/{id}"), "temporal": pages},
    });
    assert_eq!(taken, expected);

    let started = workflow(&harness, id).await;
    assert_eq!((started.workflow_type(), started.task_queue()), (video::NAME, "video-workflows"));
    assert_eq!(started.static_summary(), Some("example.com/a/clip.mp4"));
    let info = started.raw().workflow_execution_info.as_ref().unwrap();
    let priority = info.priority.as_ref().unwrap();
    assert_eq!((priority.priority_key, priority.fairness_key.as_str()), (2, "default"));
    for (name, value) in [
        (search_attributes::STATUS, "uploaded"),
        (search_attributes::TENANT, "default"),
        (search_attributes::SOURCE_KIND, "url"),
    ] {
        let key = SearchAttributeKey::<String>::keyword(name);
        assert_eq!(started.search_attributes().get(&key).as_deref(), Some(value), "{name}");
    }
    let row = harness.row(id).await;
    let expected = video::Input {
        video: id,
        attempt: 1,
        tenant: "default".into(),
        source: Source::Url { url: "https://example.com/a/clip.mp4".into() },
        options: row.options,
        limits: harness.api.settings.limits,
        export: None,
        mac: None,
    };
    assert_eq!(row.source, Source::Url { url: "https://example.com/a/clip.mp4?token=t".into() });
    let expected = harness.api.catalog.vouch(expected).unwrap();
    assert_eq!(input(&harness, id).await, expected);
}

#[tokio::test]
async fn an_object_of_the_store_is_a_source() {
    let Some(harness) = Harness::start().await else { return };
    let object = Object::new(Bucket::Videos, "inbox/a b.mp4").unwrap();
    harness.api.store.put_bytes(&object, &b"media"[..]).await.unwrap();
    let asked = r#"{"bucket": "videos", "key": "inbox/a b.mp4", "options": null}"#;
    let taken = harness.post("/videos", asked).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.text());
    let expected = json!({"kind": "object", "bucket": "videos", "key": "inbox/a b.mp4"});
    assert_eq!(taken.json()["source"], expected);
    assert_eq!(taken.json()["metadata"], json!({}));
}

#[tokio::test]
async fn pages_hold_every_video_once_newest_first() {
    let Some(harness) = Harness::start().await else { return };
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(harness.insert().await.to_string());
    }
    ids.reverse();
    let (mut seen, mut path) = (Vec::new(), "/videos?limit=2&status=uploaded".to_owned());
    loop {
        let page = harness.get(&path).await.json();
        let videos = page["videos"].as_array().unwrap();
        assert!((1..=2).contains(&videos.len()), "{page}");
        seen.extend(videos.iter().map(|video| video["id"].as_str().unwrap().to_owned()));
        // A newer video does not move the pages that follow.
        harness.insert().await;
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/videos?limit=2&status=uploaded&cursor={next}");
    }
    assert_eq!(seen, ids);
    assert_eq!(harness.get("/videos?status=ready").await.json(), json!({"videos": []}));
}

#[tokio::test]
async fn a_ready_video_shows_what_can_be_played() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.insert().await;
    harness.api.catalog.begin(id, 1).await.unwrap();
    let made = video::Output {
        source: SourceSummary {
            duration_seconds: 5.0,
            width: Some(1280),
            height: Some(720),
            fps: Some(25.0),
            codecs: vec!["h264".into(), "aac".into()],
            bytes: 7,
            non_standard_input_reasons: vec![],
        },
        outputs: Outputs {
            master: format!("videos/{id}/outputs/master.m3u8"),
            renditions: vec![RenditionOutput {
                name: "720p".into(),
                width: 1280,
                height: 720,
                bandwidth: 3,
                average_bandwidth: 2,
                codecs: "avc1.64001f,mp4a.40.2".into(),
            }],
            audio: vec![AudioOutput {
                name: "audio-128".into(),
                bandwidth: 1,
                language: None,
                default: true,
            }],
            frames: 125,
            duration_seconds: 5.0,
            ..Outputs::default()
        },
        warnings: vec![],
    };
    let outcome = completion::Outcome::Ready(Box::new(made));
    let end = completion::Input { video: id, attempt: 1, outcome };
    harness.api.catalog.finish(&end).await.unwrap();
    let shown = harness.get(&format!("/videos/{id}")).await.json();
    let master = format!("http://127.0.0.1:9000/videos/{id}/outputs/master.m3u8");
    assert_eq!(shown["status"], "ready");
    assert_eq!(
        (&shown["outputs"]["master"], &shown["links"]["playlist"]),
        (&json!(master), &json!(master))
    );
    assert_eq!(shown["outputs"]["renditions"][0]["bandwidth"], 3);
    let sound = json!([{"name": "audio-128", "bandwidth": 1, "language": null, "default": true}]);
    assert_eq!(shown["outputs"]["audio"], sound);
    let source = json!({
        "kind": "url", "url": "http://example.com/clip.mp4", "duration_seconds": 5.0,
        "width": 1280, "height": 720, "fps": 25.0, "codecs": ["h264", "aac"], "bytes": 7,
        "non_standard_input_reasons": [],
    });
    assert_eq!(shown["source"], source);
    assert_eq!(shown["progress"], json!(null));
}

#[tokio::test]
async fn a_video_that_was_taken_before_a_crash_is_started_once() {
    let Some(harness) = Harness::start().await else { return };
    let (waiting, running) = (harness.insert().await, harness.create().await);
    let run = workflow(&harness, running).await.run_id().to_owned();
    assert_eq!(harness.api.start_waiting().await.unwrap(), 2);
    let started = workflow(&harness, waiting).await.run_id().to_owned();
    assert_eq!(workflow(&harness, running).await.run_id(), run);

    let id = waiting.workflow_id(1);
    let handle = harness.api.temporal.get_workflow_handle::<UntypedWorkflow>(id);
    handle.terminate(WorkflowTerminateOptions::default()).await.unwrap();
    assert_eq!(harness.api.start_waiting().await.unwrap(), 2);
    assert_eq!(workflow(&harness, waiting).await.run_id(), started, "an attempt ran twice");
}

#[tokio::test]
async fn cancelling_asks_the_workflow_and_may_be_repeated() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.create().await;
    for _ in 0..2 {
        let answer = harness.post(&format!("/videos/{id}/cancel"), "").await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        assert_eq!(answer.json()["status"], "uploaded");
    }
    let described = workflow(&harness, id).await;
    assert!(described.raw().workflow_extended_info.as_ref().unwrap().cancel_requested);
}

#[tokio::test]
async fn cancelling_a_video_that_has_no_workflow_marks_it() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.insert().await;
    let answer = harness.post(&format!("/videos/{id}/cancel"), "").await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (StatusCode::ACCEPTED, &json!("cancelled"))
    );
    assert_eq!(harness.row(id).await.status, Status::Cancelled);
}

#[tokio::test]
async fn cancelling_a_video_whose_workflow_was_killed_marks_it() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.create().await;
    let handle = harness.api.temporal.get_workflow_handle::<UntypedWorkflow>(id.workflow_id(1));
    handle.terminate(WorkflowTerminateOptions::default()).await.unwrap();
    let answer = harness.post(&format!("/videos/{id}/cancel"), "").await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (StatusCode::ACCEPTED, &json!("cancelled"))
    );
}

#[tokio::test]
async fn cancelling_leaves_an_outcome_that_is_being_written_alone() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.create().await;
    let handle = harness.api.temporal.get_workflow_handle::<UntypedWorkflow>(id.workflow_id(1));
    let ended = handle.get_result(WorkflowGetResultOptions::default());
    working(&harness.api.temporal, [ending()], ended).await.unwrap();
    let answer = harness.post(&format!("/videos/{id}/cancel"), "").await;
    let problem = answer.problem(409, "not-cancellable");
    assert_eq!(problem["video_status"], "uploaded");
    assert_eq!(harness.row(id).await.status, Status::Uploaded);
}

#[tokio::test]
async fn without_workers_there_is_no_progress_and_no_error() {
    let Some(harness) = Harness::start().await else { return };
    let id = harness.create().await;
    harness.api.catalog.begin(id, 1).await.unwrap();
    let shown = harness.get(&format!("/videos/{id}")).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert_eq!(
        (&shown.json()["status"], &shown.json()["progress"]),
        (&json!("transcoding"), &json!(null))
    );
}
