//! Clients that connect and say nothing, or only drip, keep nobody else out.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use api::ConnectionLimits;
use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A server that holds so many connections.
async fn server(all: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limit = NonZeroUsize::new(all).unwrap();
    let limits = ConnectionLimits { all: limit, per_address: limit };
    let router = Router::new().route("/", get(async || "ok"));
    tokio::spawn(api::serve(listener, router, limits, std::future::pending()));
    address
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut client = TcpStream::connect(address).await?;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn five_thousand_silent_connections_keep_nobody_out() {
    let address = server(200).await;
    let mut silent = Vec::new();
    for at in 0..5000 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        silent.push(client);
        if silent.len() > 400 {
            silent.remove(0);
        }
        if at % 500 == 499 {
            let answer = ask(address).await.unwrap();
            assert!(answer.ends_with("ok"), "after {at}: {answer}");
        }
    }
}

/// Waits in real time: half a head must be given up after its ten seconds.
#[tokio::test]
async fn half_a_head_is_given_up() {
    let address = server(10).await;
    let begun = Instant::now();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let (mut left, mut answer) = (Vec::new(), Vec::new());
    client.read_to_end(&mut left).await.unwrap();
    idle.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"ok"));
    assert!((9..25).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn stopping_waits_for_nobody_who_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = Router::new().route("/", get(async || "ok"));
    let limits = ConnectionLimits::default();
    let server = tokio::spawn(api::serve(listener, router, limits, async { drop(stopped.await) }));
    let _silent = TcpStream::connect(address).await.unwrap();
    ask(address).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), server).await.unwrap().unwrap().unwrap();
}
