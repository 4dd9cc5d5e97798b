//! A decoder that a stranger has taken over, within the running product: what it reaches, and what it
//! would reach if nothing held it.

use fixtures::{Clip, intruder};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    product::{Flags, Product, data},
    sources::serve_file,
};

/// Runs a video whose ffprobe is the intruder; gives what that reached and what was refused it.
async fn attacked(flags: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
    let data = data();
    let other = data.path().join("media/videos/other/source.mp4");
    fs_err::create_dir_all(other.parent().unwrap()).unwrap();
    fs_err::write(&other, "x").unwrap();
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tool = data.path().join("ffprobe");
    let orders = [
        format!("video read {}", other.display()),
        format!("catalogue read {}", data.path().join("catalog.db").display()),
        format!("key read {}", data.path().join("secret.key").display()),
        "environ parent environ".to_owned(),
        "variable variable CANARY".to_owned(),
        format!("canary connect {}", canary.local_addr().unwrap()),
        "fork fork 20".to_owned(),
        format!("memory memory {}", 512 << 20),
        format!("drop write {}", data.path().join("dropped").display()),
        "null write /dev/null".to_owned(),
    ];
    intruder::write(&tool, &orders);
    let flags = Flags::default()
        .with("CANARY", "x")
        .and(["--ffprobe", tool.to_str().unwrap(), "--child-memory-mib", "256"])
        .and(flags.iter().copied());
    let product = Product::start(data.path(), &flags)?;
    let url = serve_file(Clip::new().seconds(1).path()).await;
    let id = product.submit(&url, json!({})).await;
    let video = product.ended(&id).await;
    assert_eq!(video["error"]["code"], "encoder_failed", "{video:#}");
    Some(intruder::report(video["error"]["message"].as_str().unwrap()))
}

#[tokio::test]
async fn a_decoder_in_a_stranger_s_hands_reaches_nothing() {
    let Some((reached, refused)) = attacked(&[]).await else { return };
    assert_eq!(reached, ["null"], "{refused:?}");
    assert_eq!(refused.len(), 9, "{refused:?}");
}

#[tokio::test]
async fn the_same_decoder_reaches_everything_where_nothing_holds_it() {
    let Some((reached, refused)) = attacked(&["--containment", "off"]).await else { return };
    assert_eq!(refused, [""; 0]);
    assert_eq!(reached.len(), 10);
}
