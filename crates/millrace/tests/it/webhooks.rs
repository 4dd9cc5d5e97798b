//! A webhook whose receiver is down at first, and the product killed in between: the message comes as
//! signed, the video was ready long before, and no secret lies anywhere.

use std::{path::Path, process::Stdio, sync::Arc};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use fixtures::{Clip, tools};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    product::{Flags, Product, data},
    sources::serve_file,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "token-that-nobody-may-see";

fn flags() -> Flags {
    let network = ["--allow-webhook-networks", "127.0.0.1/32"];
    Flags::short_chunks().and(network).and(["--webhook-pause-ms", "50", "--log", "debug"])
}

type Message = (HeaderMap, Bytes);

/// Listens on a port and hands on what is posted.
async fn receive(port: u16) -> mpsc::UnboundedReceiver<Message> {
    let (sender, messages) = mpsc::unbounded_channel();
    let take = async |State(sender): State<Arc<mpsc::UnboundedSender<Message>>>,
                      headers: HeaderMap,
                      body: Bytes| { sender.send((headers, body)).unwrap() };
    let app = Router::new().fallback(take).with_state(Arc::new(sender));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    messages
}

/// The receiver's examples of the documentation, each with what runs it and what calls it.
fn examples() -> [(&'static str, &'static str, String); 2] {
    let text = fs_err::read_to_string(fixtures::repo_root().join("docs/webhooks.md")).unwrap();
    let block = |language: &str| {
        let (_, after) = text.split_once(&format!("```{language}\n")).unwrap();
        after.split_once("```").unwrap().0.to_owned()
    };
    let python = "\nimport json, sys\nh, b = json.loads(sys.argv[2]), sys.argv[3].encode()\nprint(str(verify(sys.argv[1], h, b)).lower())\n";
    let node = "\nconst [secret, h, b] = process.argv.slice(-3);\nconsole.log(verify(secret, JSON.parse(h), Buffer.from(b)));\n";
    [("python3", "-c", block("python") + python), ("node", "-e", block("js") + node)]
}

fn verified(example: &(&str, &str, String), message: &Message, body: &str) -> bool {
    let program = tools::require_or_skip(example.0).unwrap();
    let name = |key: &str| (key.to_owned(), json!(message.0[key].to_str().unwrap()));
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(name);
    let headers = Value::Object(headers.into_iter().collect()).to_string();
    let mut command = tools::command(program);
    command.args([example.1, &example.2, SECRET, &headers, body]);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim() == "true"
}

/// Files below a folder whose bytes hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if path.is_file() {
            let bytes = fs_err::read(&path).unwrap();
            let holds = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            found.extend(holds.then(|| path.display().to_string()));
        }
    }
    found
}

#[tokio::test]
async fn a_message_outlives_a_receiver_that_is_down_and_a_killed_product() {
    let data = data();
    let Some(product) = Product::start(data.path(), &flags()) else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source = serve_file(Clip::new().seconds(3).path()).await;
    let webhook = json!({"url": format!("http://127.0.0.1:{port}/h?{TOKEN}"), "secret": SECRET});
    let asked = json!({"url": source, "options": {"resolutions": ["240p"]}, "webhook": webhook});
    let (status, video) = product.post("/videos", asked).await;
    assert_eq!(status, 202, "{video}");
    assert_eq!(video["webhook"]["url"], format!("http://127.0.0.1:{port}/h"));
    let id = video["id"].as_str().unwrap().to_owned();
    product.ready(&id).await;
    let listed = product.get(&format!("/webhooks/deliveries?video={id}")).await;
    assert_eq!(listed["deliveries"][0]["status"], "pending", "{listed:#}");
    let delivery = listed["deliveries"][0]["id"].as_str().unwrap().to_owned();
    product.kill();

    let mut messages = receive(port).await;
    let product = Product::start(data.path(), &flags()).unwrap();
    let message = messages.recv().await.unwrap();
    let body = String::from_utf8(message.1.to_vec()).unwrap();
    assert_eq!(message.0["webhook-id"], delivery.as_str());
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&told["type"], &told["data"]["id"]), (&json!("video.ready"), &json!(id)));
    for example in &examples() {
        assert!(verified(example, &message, &body), "{}", example.0);
        assert!(!verified(example, &message, &body.replace("ready", "fine!")), "{}", example.0);
    }
    let replay = format!("/webhooks/deliveries/{delivery}/replay");
    assert_eq!(product.post(&replay, json!({})).await.0, 202);
    let again = messages.recv().await.unwrap();
    assert_eq!((&again.0["webhook-id"], &again.1), (&message.0["webhook-id"], &message.1));
    product.kill();
    for hidden in [SECRET, TOKEN] {
        // The catalogue and the whole database of Temporal, histories and all.
        assert_eq!(files_with(data.path(), hidden), [""; 0], "{hidden}");
    }
}
