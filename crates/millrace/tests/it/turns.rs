//! A tenant whose sources are slow does not keep those of another waiting.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use fixtures::{Clip, PATIENCE};
use serde_json::{Value, json};

use crate::{
    product::{Flags, Product, data, keys},
    sources::serve_file,
};

/// A server whose file never ends and arrives faster than the least rate.
async fn endless() -> String {
    let body = || {
        let piece = vec![0_u8; 20 << 10];
        let pieces = futures::stream::unfold(piece, async |piece| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, Infallible>(piece.clone()), piece))
        });
        Body::from_stream(pieces)
    };
    let app = Router::new().route("/endless.mp4", get(async move || body()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}/endless.mp4")
}

async fn submit(product: &Product, key: &str, url: &str) -> String {
    let body = json!({"url": url, "options": {"resolutions": ["144p"], "preset": "ultrafast"}});
    let request = product.request("POST", "/videos").bearer_auth(key).json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn slow_sources_of_one_tenant_leave_a_place_for_another() {
    let data = data();
    let flags = Flags::default().and(["--slots", "download=3"]);
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let key = |tenant: &str| {
        keys(data.path(), &["create", "--name", "test", "--tenant", tenant]).remove(0)
    };
    let (many, few) = (key("many"), key("few"));
    let slow = endless().await;
    for _ in 0..6 {
        submit(&product, &many, &slow).await;
    }
    let quick = serve_file(Clip::new().size(64, 48).seconds(3).path()).await;
    let id = submit(&product, &few, &quick).await;
    let path = format!("/videos/{id}");
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let request = product.request("GET", &path).bearer_auth(&few);
        let video: Value = request.send().await.unwrap().json().await.unwrap();
        if video["status"] == "ready" {
            break;
        }
        assert!(tokio::time::Instant::now() < give_up, "still waiting: {video:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
