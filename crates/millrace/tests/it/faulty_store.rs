//! The whole product on an S3 store that breaks connections off and refuses requests now and then.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use fixtures::{Clip, Fault, FaultyProxy, S3Server};
use serde_json::json;
use storage::{Bucket, Object};

use crate::{
    compat::store,
    product::{Flags, Product, data},
    sources::serve,
};

/// Bytes after which an answer is cut: less than any segment has, and more than most documents.
const CUT: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stumbles_costs_time_and_nothing_else() {
    let Some(server) = S3Server::start() else { return };
    let spoilt = Arc::new([const { AtomicU64::new(0) }; 2]);
    let (asked, told) = (AtomicU64::new(0), Arc::clone(&spoilt));
    let proxy = FaultyProxy::start(server.address(), move |request| {
        let turn = asked.fetch_add(1, Ordering::Relaxed);
        let (kind, fault) = match turn % 10 {
            3 => (0, Fault::Answer(503, "")),
            7 => (0, Fault::Answer(500, "")),
            1 | 5 | 9 if request.head.starts_with("GET") => (1, Fault::Cut(CUT)),
            _ => return None,
        };
        told[kind].fetch_add(1, Ordering::Relaxed);
        Some(fault)
    })
    .await
    .unwrap();
    let (data, web) = (data(), tempfile::tempdir().unwrap());
    let clip = Clip::new().size(640, 360).seconds(14);
    fs_err::copy(clip.path(), web.path().join("clip.mp4")).unwrap();
    let base = serve(web.path().to_owned()).await;
    let flags = Flags::short_chunks()
        .and(["--s3-endpoint", &format!("http://{}", proxy.address())])
        .with("AWS_ACCESS_KEY_ID", "test")
        .with("AWS_SECRET_ACCESS_KEY", "test");
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let id =
        product.submit(&format!("{base}/clip.mp4"), json!({"resolutions": ["360p", "240p"]})).await;
    let ready = product.ready(&id).await;
    assert_eq!(ready["outputs"]["frames"], clip.frames());
    assert_eq!(ready["warnings"], json!([]), "{ready:#}");
    let [refused, cut] = [0, 1].map(|kind| spoilt[kind].load(Ordering::Relaxed));
    assert!(refused > 10 && cut > 5, "{refused} refused, {cut} cut: the store was too good");
    // What lies in the store is what was told of.
    let store = store(&server, None).await;
    let master = Object::new(Bucket::Videos, format!("{id}/outputs/master.m3u8")).unwrap();
    let text = store.get_bytes(&master).await.unwrap();
    assert!(String::from_utf8_lossy(&text).contains("360p/index.m3u8"));
}
