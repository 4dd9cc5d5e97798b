//! The service itself: health, a server that does not answer, and stopping.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api::Access;
use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode, header},
};
use contract::Status;
use fixtures::PATIENCE;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Mutex, oneshot},
};

use crate::harness::{Harness, ask};

#[tokio::test]
async fn health_and_readiness_by_name() {
    let Some(harness) = Harness::start().await else { return };
    assert_eq!(harness.get("/healthz").await.text(), "ok\n");
    let answer = harness.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let ok = serde_json::json!({"ok": true});
    let expected = serde_json::json!({"ready": true, "catalog": ok, "store": ok, "temporal": ok});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn asking_often_for_readiness_writes_nothing() {
    let Some(harness) = Harness::start().await else { return };
    let router = harness.router(Access::default());
    let written = || {
        let place = harness.api.store.folder_root().unwrap().join("videos");
        fs_err::metadata(place).unwrap().modified().unwrap()
    };
    let probe = || ask(&router, Request::get("/readyz").body(Body::empty()).unwrap());
    assert_eq!(probe().await.status, StatusCode::OK);
    let first = written();
    let answers = futures::future::join_all((0..100).map(|_| probe())).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    assert_eq!(written(), first, "a folder was written to");

    // Past the time an answer is kept, what has broken is seen without writing.
    let thumbnails = harness.api.store.folder_root().unwrap().join("thumbnails");
    fs_err::remove_dir(&thumbnails).unwrap();
    let give_up = Instant::now() + PATIENCE;
    loop {
        let answer = probe().await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.json()["store"]["ok"], false);
            break;
        }
        assert!(Instant::now() < give_up, "a missing bucket is not seen");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(written(), first, "a folder was written to");
}

#[tokio::test]
async fn a_server_that_is_down_is_named_and_videos_wait_for_it() {
    let Some(mut harness) = Harness::start().await else { return };
    let before = harness.create().await;
    harness.api.catalog.begin(before, 1).await.unwrap();
    drop(harness.temporal.take());

    let answer = harness.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let checks = answer.json();
    assert_eq!(checks["temporal"]["detail"], "Temporal does not answer");
    assert_eq!((&checks["catalog"]["ok"], &checks["store"]["ok"]), (&true.into(), &true.into()));
    assert_eq!(harness.get("/healthz").await.status, StatusCode::OK);

    let answer = harness.post("/videos", r#"{"url": "http://example.com/a.mp4"}"#).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let waiting = harness.get("/videos?status=uploaded").await.json();
    assert_eq!(waiting["videos"][0]["id"], answer.json()["id"], "{waiting}");

    let shown = harness.get(&format!("/videos/{before}")).await.json();
    assert_eq!(shown["status"], Status::Transcoding.as_str());
    assert_eq!(shown["progress"], serde_json::Value::Null);
    let path = format!("/videos/{before}/cancel");
    let answer = harness.post(&path, "").await;
    answer.problem(503, "unavailable");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

type Gate = Arc<Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>>;

async fn slow(State(gate): State<Gate>) -> &'static str {
    let (entered, released) = gate.lock().await.take().unwrap();
    entered.send(()).unwrap();
    released.await.unwrap();
    "done"
}

#[tokio::test]
async fn stopping_lets_requests_in_flight_finish() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (entered, inside) = oneshot::channel::<()>();
    let (release, released) = oneshot::channel::<()>();
    let gate = Arc::new(Mutex::new(Some((entered, released))));
    let router = axum::Router::new().route("/", axum::routing::get(slow)).with_state(gate);
    let (stop, stopped) = oneshot::channel::<()>();
    let server =
        tokio::spawn(api::serve(listener, router, api::ConnectionLimits::default(), async {
            drop(stopped.await);
        }));

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    inside.await.unwrap();
    stop.send(()).unwrap();
    release.send(()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap().unwrap();
    TcpStream::connect(address).await.unwrap_err();
}
