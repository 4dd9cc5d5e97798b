//! The standard tests of `DeliveryWorkflow`, which has one step, and of what starts it.

use contract::{DeliveryId, deliver_webhook, delivery::Input};
use temporalio_client::{WorkflowFetchHistoryOptions, WorkflowGetResultOptions};
use workflows::DeliveryWorkflow;

use crate::{
    bench::{Bench, with_workers},
    script::Script,
    video::record,
};

/// Runs a video that a webhook is told of; says whether telling it succeeded, with its history.
async fn deliver(bench: &Bench, script: Script) -> (bool, Vec<u32>, Vec<u8>) {
    let run = bench.start(Script { webhook: true, ..script }).await;
    run.handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    bench.reported(run.id).await;
    let message = Input::first(DeliveryId(run.id.0)).workflow_id();
    let handle = bench.client.get_workflow_handle::<DeliveryWorkflow>(message);
    let result = handle.get_result(WorkflowGetResultOptions::default()).await;
    let calls = bench.stage.script(run.id).calls;
    let sent = calls.iter().filter(|call| call.0 == deliver_webhook::NAME).map(|call| call.1);
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    record("completion", bench.report_history(run.id).await);
    (result.is_ok(), sent.collect(), history.to_json().await.unwrap())
}

#[tokio::test]
async fn a_report_starts_it_and_does_not_wait_for_it() {
    with_workers(async |bench| {
        let (ok, sent, history) = deliver(bench, Script::default()).await;
        assert!(ok);
        assert_eq!(sent, [1]);
        record("delivery", history);
    })
    .await;
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_cannot_ends_it() {
    with_workers(async |bench| {
        let (ok, sent, _) = deliver(bench, Script { twice: true, ..Script::default() }).await;
        assert_eq!((ok, sent), (true, vec![1, 2]));
        let fails = Some((deliver_webhook::NAME, "delivery_failed"));
        let (ok, sent, _) = deliver(bench, Script { fails, ..Script::default() }).await;
        assert_eq!((ok, sent), (false, vec![1]));
    })
    .await;
}
