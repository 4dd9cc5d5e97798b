//! APIs on machines of different sizes: a video is cut alike, whichever takes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fixtures::{Clip, Temporal};
use serde_json::{Value, json};
use temporalio_client::{Client, UntypedWorkflow, WorkflowFetchHistoryOptions};

use crate::{
    product::{Flags, Product, Worker, data},
    sources::serve_file,
};

/// The chunks of a video's first attempt, from its history: what each was asked for, and the try that
/// ended it.
pub(crate) async fn chunks(client: &Client, id: &str) -> Vec<(Value, u64)> {
    let handle = client.get_workflow_handle::<UntypedWorkflow>(format!("video-{id}-1"));
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    let history: Value = serde_json::from_slice(&history.to_json().await.unwrap()).unwrap();
    let events = history["events"].as_array().unwrap();
    let started = |scheduled: &Value| {
        let mut all =
            events.iter().map(|event| &event["attributes"]["ActivityTaskStartedEventAttributes"]);
        let started = all.find(|started| started["scheduled_event_id"] == *scheduled);
        started.unwrap()["attempt"].as_u64().unwrap()
    };
    let scheduled = events.iter().filter_map(|event| {
        let scheduled = &event["attributes"]["ActivityTaskScheduledEventAttributes"];
        (scheduled["activity_type"]["name"] == "transcode_chunk").then_some((event, scheduled))
    });
    let decoded = scheduled.map(|(event, scheduled)| {
        let data = scheduled["input"]["payloads"][0]["data"].as_str().unwrap();
        let input = serde_json::from_slice(&STANDARD.decode(data).unwrap()).unwrap();
        (input, started(&event["event_id"]))
    });
    decoded.collect()
}

#[tokio::test]
async fn the_machine_that_takes_a_video_does_not_decide_its_plan() {
    if fixtures::require_or_skip("taskset").is_none() {
        return;
    }
    let data = data();
    let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
    let options = fixtures::temporal::Options::with_search_attributes(attributes);
    let Some(temporal) = Temporal::start_or_skip(options).await else { return };
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(cores > 1, "one core is no two machines");
    let address = temporal.address();
    let apis = [1, 2].map(|cores| Product::api_on(cores, data.path(), &address, &Flags::default()));
    let _worker = Worker::start(data.path(), &address);
    let url = serve_file(Clip::new().size(160, 120).seconds(30).path()).await;
    let mut plans = Vec::new();
    for api in &apis {
        let asked = json!({"resolutions": ["240p"], "preset": "ultrafast"});
        let id = api.submit(&url, asked).await;
        api.ready(&id).await;
        let mut chunks = chunks(temporal.client(), &id).await;
        let n_chunks = chunks.len();
        plans.push((n_chunks, chunks.remove(0).0["plan"].take()));
    }
    // Five segments of 6 s.
    assert_eq!((plans[0].0, &plans[0].1["threads"]), (4, &json!(1)));
    assert_eq!(plans[0], plans[1]);
}
