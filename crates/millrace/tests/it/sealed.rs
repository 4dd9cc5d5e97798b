//! The signature in a source's address is for the download alone.

use fixtures::Clip;
use serde_json::{Value, json};

use crate::{
    product::{Flags, Product, data},
    receiver::{Receiver, told},
    sources::serve,
    webhooks::{files_with, history},
};

const SIGNATURE: &str = "signature-that-nobody-may-see";

#[tokio::test]
async fn a_signature_is_in_no_database_no_log_and_no_answer() {
    let (data, logs) = (data(), tempfile::tempdir().unwrap());
    let log = fs_err::File::create(logs.path().join("log")).unwrap().into_parts().0;
    let level = "debug,hyper=info,h2=info,sqlx=debug";
    let network = ["--allow-webhook-networks", "127.0.0.1/32"];
    let flags = Flags::default().and(["--log", level]).and(network);
    let started = Product::start_with(data.path(), &flags, |command| {
        command.stderr(log);
    });
    let Some(product) = started else { return };
    let clip = Clip::new().seconds(3).path();
    let base = serve(clip.parent().unwrap().to_owned()).await;
    let good = format!("{base}/{}", clip.file_name().unwrap().to_str().unwrap());
    let mut answers = Vec::<Value>::new();
    let (mut receiver, port) = Receiver::start().await;
    let mut ids = Vec::new();
    for (address, status) in [(&good, "ready"), (&format!("{base}/gone"), "failed")] {
        let asked = json!({
            "url": format!("{address}?{SIGNATURE}=1#{SIGNATURE}"),
            "options": {"resolutions": ["240p"], "preset": "ultrafast"},
            "webhook": {"url": format!("http://127.0.0.1:{port}/")},
        });
        let (taken, video) = product.post("/videos", asked).await;
        assert_eq!(taken, 202, "{video}");
        let id = video["id"].as_str().unwrap().to_owned();
        let ended = product.ended(&id).await;
        assert_eq!(ended["status"], status, "{ended:#}");
        assert_eq!(&ended["source"]["url"], address, "what can be shown is");
        answers.extend([video, ended, told(&receiver.next().await)]);
        ids.push(id);
    }
    let (retried, video) = product.post(&format!("/videos/{}/retry", ids[1]), json!({})).await;
    assert_eq!(retried, 202, "{video}");
    answers.push(product.ended(&ids[1]).await);
    answers.push(told(&receiver.next().await));
    for path in ["/videos", "/webhooks/deliveries", "/metrics"] {
        let answer = product.request("GET", path).send().await.unwrap();
        answers.push(answer.text().await.unwrap().into());
    }
    answers.push(product.get(&format!("/videos/{}/jobs", ids[1])).await);
    for answer in &answers {
        assert!(!answer.to_string().contains(SIGNATURE), "{answer:#}");
    }
    let temporal = product.temporal().await;
    for workflow in
        ids.iter().flat_map(|id| [format!("video-{id}-1"), format!("completion-{id}-1")])
    {
        let history = history(&temporal, workflow).await;
        assert!(history.contains(&ids[0]) || history.contains(&ids[1]), "{history}");
        assert!(!history.contains(SIGNATURE), "{history}");
    }
    // Every byte that was written, in write-ahead logs too, while it runs and after it was killed.
    let looked = |folder: &std::path::Path| files_with(folder, SIGNATURE);
    assert_eq!((looked(data.path()), looked(logs.path())), (vec![], vec![]));
    product.kill();
    assert_eq!((looked(data.path()), looked(logs.path())), (vec![], vec![]));
    // The control: what is not secret is found by the same look.
    assert!(!files_with(data.path(), &ids[0]).is_empty());
}
