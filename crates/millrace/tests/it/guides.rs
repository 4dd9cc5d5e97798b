//! What stands in the documents for copying runs: commands of the shell against a real instance,
//! and the clients in Python and TypeScript.

use std::{path::Path, process::Command, time::Duration};

use fixtures::{Clip, repo_root, require_or_skip, tools};
use serde_json::{Value, json};

use crate::{
    product::{Flags, Product, data},
    sources::serve_file,
};

/// Addresses in the documents, which a test replaces by its own.
const API: &str = "http://localhost:8000";
const SOURCE: &str = "https://download.blender.org/durian/trailer/sintel_trailer-720p.mp4";
/// What the documents call a file of the reader's.
const FILE: &str = "holiday.mov";
/// Above a block that nobody runs here, with the reason.
const NOT_RUN: &str = "not run here";

/// The blocks of a document in one language, without those that say that they are not run.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = fs_err::read_to_string(repo_root().join(document)).unwrap();
    let parts: Vec<_> = text.split("\n```").collect();
    let pairs = parts.iter().zip(parts.iter().skip(1)).step_by(2);
    let run = pairs.filter_map(|(before, block)| {
        let above = before.trim_end().rsplit("\n\n").next().unwrap_or_default().replace('\n', " ");
        let of_language = block.strip_prefix(language)?.strip_prefix('\n')?;
        (!above.to_lowercase().contains(NOT_RUN)).then(|| of_language.to_owned())
    });
    let found: Vec<_> = run.collect();
    assert!(!found.is_empty(), "{document} has no blocks of {language} that can be run");
    found
}

/// Runs the commands of a document in a folder, one after the other, and returns what they print.
async fn run(product: &Product, document: &str, folder: &Path, source: &str) -> String {
    let script = format!("set -euo pipefail\n{}\n", blocks(document, "sh").join("\n"));
    let script = script.replace(API, product.api()).replace(SOURCE, source);
    let mut command = tools::command("bash");
    command.args(["-c", &script]).current_dir(folder);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", folder.join("bin").display()));
    command.env("MILLRACE_DATA", folder.join("data"));
    output(command, document).await
}

/// What a command prints, while the source's server goes on serving.
async fn output(mut command: Command, what: &str) -> String {
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&ran.stdout), text(&ran.stderr));
    assert!(ran.status.success(), "{what} ended with {}:\n{out}\n{errors}", ran.status);
    out
}

/// A folder as the documents expect it: the binary on the path, and a file to send.
fn prepared(folder: &Path, clip: &Clip) {
    fs_err::create_dir(folder.join("bin")).unwrap();
    let binary = env!("CARGO_BIN_EXE_millrace");
    fs_err::os::unix::fs::symlink(binary, folder.join("bin/millrace")).unwrap();
    fs_err::copy(clip.path(), folder.join(FILE)).unwrap();
}

#[tokio::test]
async fn the_commands_of_the_documents_run() {
    if ["jq", "curl"].into_iter().any(|tool| require_or_skip(tool).is_none()) {
        return;
    }
    let folder = data();
    let clip = Clip::new().size(854, 480).seconds(4).fps("25");
    prepared(folder.path(), &clip);
    let Some(product) = Product::start(&folder.path().join("data"), &Flags::short_chunks()) else {
        return;
    };
    let source = serve_file(clip.path()).await;
    let output = run(&product, "docs/getting-started.md", folder.path(), &source).await;
    assert!(output.contains("\"ready\"") && output.contains("#EXT-X-STREAM-INF"), "{output}");
    let output = run(&product, "docs/api-guide.md", folder.path(), &source).await;
    for said in ["transcoding\n", "ready\n", "#EXTM3U", "thumbnail.jpg", "cancelled\n"] {
        assert!(output.contains(said), "{said} is not in {output}");
    }
    assert!(output.contains("\"attempt\": 2") && output.contains("invalid-request"), "{output}");
    let output = run(&product, "README.md", folder.path(), &source).await;
    assert_eq!(output.matches("202 Accepted").count(), 1, "{output}");
    let output = run(&product, "docs/uploads.md", folder.path(), &source).await;
    let (_, video) = output.split_once("{\"id\"").unwrap();
    let video: Value = serde_json::Deserializer::from_str(&format!("{{\"id\"{video}"))
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    product.ready(video["id"].as_str().unwrap()).await;
    // The last, as a key closes the API to all that show none.
    let output = run(&product, "docs/api-keys.md", folder.path(), &source).await;
    assert!(output.contains("\"videos\":[]") && output.contains("is revoked"), "{output}");
}

#[tokio::test]
async fn a_backup_of_the_data_folder_is_restored() {
    let folder = data();
    let source = folder.path().join("data");
    let Some(product) = Product::start(&source, &Flags::short_chunks()) else { return };
    let (short, long) = (Clip::new().seconds(2), Clip::new().size(640, 360).seconds(40));
    let short = serve_file(short.path()).await;
    let long = serve_file(long.path()).await;
    let small = json!({"resolutions": ["144p"]});
    let finished = product.submit(&short, small.clone()).await;
    product.ready(&finished).await;
    let slow = json!({"resolutions": ["360p"], "preset": "slow"});
    let begun = product.submit(&long, slow).await;
    let encoding = |video: &Value| {
        video["progress"]["chunks_done"].as_u64() > Some(0) || video["status"] == "ready"
    };
    product.until(&begun, encoding).await;
    assert!(product.stop(Duration::from_mins(1)).await.success());

    let commands = blocks("docs/operations.md", "sh");
    let mut command = tools::command("bash");
    command.args(["-euc", &commands.join("\n")]).current_dir(folder.path());
    output(command, "docs/operations.md").await;
    fs_err::remove_dir_all(&source).unwrap();

    let restored = folder.path().join("restored");
    let product = Product::start(&restored, &Flags::short_chunks()).unwrap();
    let video = product.ready(&finished).await;
    let master = format!("{}videos/{finished}/outputs/master.m3u8", product.media());
    assert_eq!(video["outputs"]["master"], master);
    assert!(product.fetch(&master).await.1.starts_with(b"#EXTM3U"));
    // Its source is another file now. Where the first attempt had ended in time, there is no more
    // to do.
    let video = product.ended(&begun).await;
    if video["status"] != "ready" {
        assert_eq!(video["error"]["code"], "source_unavailable", "{video}");
        let (status, _) = product.post(&format!("/videos/{begun}/retry"), json!({})).await;
        assert_eq!(status, 202);
        product.ready(&begun).await;
    }
}

#[tokio::test]
async fn the_clients_of_the_api_guide_run() {
    let (Some(python), Some(deno)) = (require_or_skip("python3"), require_or_skip("deno")) else {
        return;
    };
    let folder = data();
    let Some(product) = Product::start(&folder.path().join("data"), &Flags::default()) else {
        return;
    };
    let source = serve_file(Clip::new().seconds(2).path()).await;
    let clients = [
        ("python", "client.py", python, &[][..]),
        ("ts", "client.ts", deno, &["run", "--check", "--no-remote", "--allow-net"]),
    ];
    for (language, name, program, args) in clients {
        let file = folder.path().join(name);
        fs_err::write(&file, blocks("docs/api-guide.md", language).concat()).unwrap();
        let mut command = tools::command(program);
        command.args(args).arg(&file).args([product.api(), &source]);
        command.env("DENO_DIR", folder.path().join("deno")).env("DENO_NO_UPDATE_CHECK", "1");
        let printed = output(command, name).await;
        assert!(printed.starts_with(product.media()), "{name}: {printed}");
        assert!(printed.trim_end().ends_with("/outputs/master.m3u8"), "{name}: {printed}");
    }
}
