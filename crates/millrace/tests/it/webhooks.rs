//! A webhook whose receiver is down at first, and the product killed in between: the message comes as
//! signed, the video was ready long before, and no secret lies anywhere.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fixtures::{Clip, tools};
use serde_json::{Value, json};
use temporalio_client::{Client, UntypedWorkflow, WorkflowFetchHistoryOptions};

use crate::{
    product::{Flags, Product, data, free_port},
    receiver::{Message, Receiver, header, told},
    sources::serve_file,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "token-that-nobody-may-see";

fn flags() -> Flags {
    let network = ["--allow-webhook-networks", "127.0.0.1/32"];
    Flags::short_chunks().and(network).and(["--webhook-pause-ms", "50"]).and([
        "--log",
        "debug",
        "--log-format",
        "json",
    ])
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

fn verified(example: &(&str, &str, String), secret: &str, message: &Message, body: &str) -> bool {
    let program = tools::require_or_skip(example.0).unwrap();
    let name = |key: &str| (key.to_owned(), json!(header(message, key)));
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(name);
    let headers = Value::Object(headers.into_iter().collect()).to_string();
    let mut command = tools::command(program);
    command.args([example.1, &example.2, secret, &headers, body]);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim() == "true"
}

/// Files below a folder whose bytes hold a text.
pub(crate) fn files_with(folder: &Path, text: &str) -> Vec<String> {
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

/// All texts of a workflow's history, with its payloads decoded.
pub(crate) async fn history(client: &Client, id: String) -> String {
    let handle = client.get_workflow_handle::<UntypedWorkflow>(id);
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    let history: Value = serde_json::from_slice(&history.to_json().await.unwrap()).unwrap();
    texts(&history)
}

fn texts(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| match member {
                Value::String(text) if name == "data" => {
                    String::from_utf8_lossy(&STANDARD.decode(text).unwrap()).into_owned()
                }
                member => texts(member),
            });
            members.collect::<Vec<_>>().join("\n")
        }
        Value::Array(items) => items.iter().map(texts).collect::<Vec<_>>().join("\n"),
        value => value.to_string(),
    }
}

#[tokio::test]
async fn a_message_outlives_a_receiver_that_is_down_and_a_killed_product() {
    let (data, logs) = (data(), tempfile::tempdir().unwrap());
    let to = |name: &str| {
        let file = fs_err::File::create(logs.path().join(name)).unwrap().into_parts().0;
        move |command: &mut Command| {
            command.stderr(file);
        }
    };
    let started = Product::start_with(data.path(), &flags(), to("first"));
    let Some(product) = started else { return };
    let held = free_port();
    let port = held.number();
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

    let mut receiver = Receiver::listen(&held).await;
    let mut temporal = String::new();
    let product = Product::start_with(data.path(), &flags(), |command| {
        temporal = temporal_of(command);
        to("second")(command);
    });
    let product = product.unwrap();
    let message = receiver.next().await;
    let body = String::from_utf8(message.1.to_vec()).unwrap();
    assert_eq!(header(&message, "webhook-id"), delivery);
    let said = told(&message);
    assert_eq!((&said["type"], &said["data"]["id"]), (&json!("video.ready"), &json!(id)));
    for example in &examples() {
        let verified = |body: &str| verified(example, SECRET, &message, body);
        assert!(verified(&body) && !verified(&body.replace("ready", "fine!")), "{}", example.0);
    }
    let replay = format!("/webhooks/deliveries/{delivery}/replay");
    assert_eq!(product.post(&replay, json!({})).await.0, 202);
    let again = receiver.next().await;
    assert_eq!(header(&again, "webhook-id"), delivery);
    assert_eq!(again.1, message.1);
    let client = fixtures::temporal::connect(&temporal.parse().unwrap()).await.unwrap();
    let report = history(&client, format!("completion-{id}-1")).await;
    let rounds = [1, 2].map(|round| format!("delivery-{delivery}-{round}"));
    let first = history(&client, rounds[0].clone()).await;
    let second = history(&client, rounds[1].clone()).await;
    product.kill();
    for (history, payload) in [
        (&report, format!("\"video\":\"{id}\"")),
        (&first, format!("{{\"delivery\":\"{delivery}\",\"round\":1,")),
        (&second, format!("{{\"delivery\":\"{delivery}\",\"round\":2,")),
    ] {
        assert!(history.contains(&payload), "no {payload} in {history}");
    }
    let histories = report + &first + &second;
    let controls = [
        (data.path(), source.as_str(), "catalog.db"),
        (data.path(), &delivery, "temporal"),
        (logs.path(), &id, "first"),
        (logs.path(), &delivery, "second"),
    ];
    nothing_secret_lies_in(&controls, &histories);
}

/// Searches folders and histories for the secrets. Each folder comes with a text that is no secret
/// and a file that holds it: what finds that would find a secret too.
#[track_caller]
fn nothing_secret_lies_in(controls: &[(&Path, &str, &str)], histories: &str) {
    for (folder, text, at) in controls {
        let found = files_with(folder, text);
        assert!(found.iter().any(|file| file.contains(at)), "{text} only in {found:?}");
        for hidden in [SECRET, TOKEN] {
            assert_eq!(files_with(folder, hidden), [""; 0], "{hidden}");
        }
    }
    assert!(![SECRET, TOKEN].iter().any(|hidden| histories.contains(hidden)), "{histories}");
}

/// Address of the Temporal server that a command is about to start.
fn temporal_of(command: &Command) -> String {
    let mut args = command.get_args().skip_while(|arg| *arg != "--temporal-port").skip(1);
    format!("http://127.0.0.1:{}", args.next().unwrap().to_str().unwrap())
}

/// Runs `millrace webhooks secret …`; answers the secrets it prints.
fn secrets(data: &Path, words: &[&str]) -> Vec<String> {
    let mut command = tools::command(env!("CARGO_BIN_EXE_millrace"));
    command.args(["webhooks", "secret"]).args(words).arg("--data").arg(data);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{words:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_secrets_of_the_command_line_sign_both_after_a_rotation() {
    let data = data();
    let Some(product) = Product::start(data.path(), &flags()) else { return };
    let (mut receiver, port) = Receiver::start().await;
    let old = secrets(data.path(), &["show"]);
    assert_eq!(old.len(), 1, "{old:?}");
    assert_eq!(secrets(data.path(), &["show"]), old, "showing makes no other");
    assert_ne!(secrets(data.path(), &["show", "--tenant", "acme"]), old);
    let source = serve_file(Clip::new().seconds(3).path()).await;
    let webhook = json!({"url": format!("http://127.0.0.1:{port}/h")});
    let asked = json!({"url": source, "options": {"resolutions": ["240p"]}, "webhook": webhook});
    let (status, video) = product.post("/videos", asked).await;
    assert_eq!(status, 202, "{video}");
    let [python, _] = examples();
    let is_signed = |secret: &str, message: &Message| {
        verified(&python, secret, message, std::str::from_utf8(&message.1).unwrap())
    };
    let message = receiver.next().await;
    assert!(is_signed(&old[0], &message) && !is_signed(SECRET, &message));
    let delivery = header(&message, "webhook-id");

    let both = secrets(data.path(), &["rotate"]);
    assert_eq!((both.len(), &both[1]), (2, &old[0]), "newest first");
    assert_eq!(secrets(data.path(), &["show"]), both);
    let replay = format!("/webhooks/deliveries/{delivery}/replay");
    assert_eq!(product.post(&replay, json!({})).await.0, 202);
    let message = receiver.next().await;
    assert_eq!(header(&message, "webhook-signature").split(' ').count(), 2);
    assert!(both.iter().all(|secret| is_signed(secret, &message)));

    let newest = secrets(data.path(), &["rotate", "--overlap-hours", "0"]);
    assert_eq!(newest.len(), 1, "without an overlap the others end at once");
    assert_eq!(product.post(&replay, json!({})).await.0, 202);
    let message = receiver.next().await;
    assert!(is_signed(&newest[0], &message));
    assert!(!both.iter().any(|secret| is_signed(secret, &message)));
}
