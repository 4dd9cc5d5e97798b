//! Clients that connect and say nothing, or only drip, keep nobody else out.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use api::{ConnectionLimits, Timeouts};
use axum::{
    Router,
    body::Bytes,
    routing::{get, post},
};
use fixtures::PATIENCE;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// More than the buffers of a connection hold.
const LARGE: usize = 64 << 20;

/// A server that holds so many connections.
async fn server(all: usize) -> SocketAddr {
    patient(all, Timeouts::default()).await
}

/// The same, with a patience of its own.
async fn patient(all: usize, timeouts: Timeouts) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limit = NonZeroUsize::new(all).unwrap();
    let limits = ConnectionLimits { all: limit, per_address: limit, timeouts };
    let router = Router::new()
        .route("/", get(async || "ok"))
        .route("/healthz", get(async || "alive"))
        .route("/metrics", get(async || "counted"))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/large", get(async || vec![0_u8; LARGE]));
    tokio::spawn(api::serve(listener, router, limits, std::future::pending()));
    address
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    ask_for(address, "/").await
}

async fn ask_for(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut client = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await?;
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

/// Short enough to be waited for.
fn impatient() -> Timeouts {
    let short = Duration::from_millis(500);
    Timeouts { head: short, body: short, body_rate: 1000, write: short, ..Timeouts::default() }
}

/// Reads until the server closes a connection that was begun then, which it must in the end.
async fn closed(client: &mut TcpStream, begun: Instant) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = client.read_to_end(&mut answer);
    // A connection that is cut off while it sends may be reset.
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("still open");
    assert!(begun.elapsed() > Duration::from_millis(300), "at once: {:?}", begun.elapsed());
    answer
}

#[tokio::test]
async fn half_a_head_is_given_up() {
    let address = patient(10, impatient()).await;
    let begun = Instant::now();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let (_, answer) = tokio::join!(closed(&mut client, begun), closed(&mut idle, begun));
    assert!(answer.ends_with(b"ok"));
}

#[tokio::test]
async fn a_body_that_stands_still_or_drips_is_given_up() {
    let address = patient(10, impatient()).await;
    let head = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc";
    let begun = Instant::now();
    let mut still = TcpStream::connect(address).await.unwrap();
    still.write_all(head).await.unwrap();
    let dripping = TcpStream::connect(address).await.unwrap();
    let (mut answers, mut drip) = dripping.into_split();
    drip.write_all(head).await.unwrap();
    let dripping = async {
        // A byte whenever the body may not stand still for longer: 20 bytes a second.
        while drip.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answered = async {
        let mut answer = Vec::new();
        let _ = answers.read_to_end(&mut answer).await;
        answer
    };
    let all = async { tokio::join!(closed(&mut still, begun), dripping, answered) };
    let (stood, (), dripped) = tokio::time::timeout(PATIENCE, all).await.expect("still open");
    for answer in [stood, dripped] {
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    // The control: the same server takes a body that arrives.
    let begun = Instant::now();
    let mut client = TcpStream::connect(address).await.unwrap();
    let whole = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    client.write_all(whole).await.unwrap();
    assert!(closed(&mut client, begun).await.ends_with(b"3"));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let address = patient(1, impatient()).await;
    let mut deaf = TcpStream::connect(address).await.unwrap();
    deaf.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // The only place is taken until the answer is given up: then it answers again.
    let give_up = Instant::now() + PATIENCE;
    while !ask(address).await.is_ok_and(|answer| answer.ends_with("ok")) {
        assert!(Instant::now() < give_up, "the unread answer keeps its place");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (mut left, mut reader) = (Vec::new(), deaf);
    let _ = reader.read_to_end(&mut left).await;
    assert!(left.len() < LARGE, "all of it was sent");
}

#[tokio::test]
async fn a_listener_full_of_requests_still_says_how_the_process_is() {
    const ALL: usize = 3;
    let address = server(ALL).await;
    let mut uploading = Vec::new();
    for _ in 0..ALL {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = b"POST /length HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
            Content-Length: 3\r\n\r\n";
        client.write_all(head).await.unwrap();
        // Its request is being answered once the server asks for the body.
        client.read_exact(&mut [0; "HTTP/1.1 100 Continue\r\n\r\n".len()]).await.unwrap();
        uploading.push(client);
    }
    for _ in 0..50 {
        assert!(ask_for(address, "/healthz").await.unwrap().ends_with("alive"));
        assert!(ask_for(address, "/metrics").await.unwrap().ends_with("counted"));
        let refused = ask(address).await.unwrap();
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        assert!(refused.contains("\r\nretry-after: ") && refused.contains("\r\nconnection: close"));
    }
    // The reserve holds no more than its number, whoever sits in it, and serves the next one.
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(ask_for(address, "/healthz").await.unwrap().ends_with("alive"));
    for mut client in uploading {
        client.write_all(b"abc").await.unwrap();
        let mut answer = [0; 15];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
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
