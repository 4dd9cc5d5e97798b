//! What the proxy lets through, spoken to over plain sockets.

use std::{net::SocketAddr, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use fetch::{Filter, Proxy, Refusal};
use fixtures::PATIENCE;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use url::Url;

use crate::{
    ALLOWED, DENIED,
    server::{Reply, Server},
};

async fn start() -> Proxy {
    let filter = Filter::new(vec!["127.0.0.1/32".parse().unwrap()]);
    Proxy::start(Arc::new(filter), PATIENCE).await.unwrap()
}

async fn hello(ip: std::net::IpAddr) -> Server {
    Server::start(ip, |_| Reply::new("200 OK", &[("Content-Length", "5")], b"hello")).await
}

fn password(proxy: &Proxy) -> String {
    let url: Url = proxy.url().parse().unwrap();
    let pair = format!("{}:{}", url.username(), url.password().unwrap());
    format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(pair))
}

async fn dial(proxy: &Proxy) -> TcpStream {
    let url: Url = proxy.url().parse().unwrap();
    let address: SocketAddr =
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()).parse().unwrap();
    assert!(address.ip().is_loopback());
    TcpStream::connect(address).await.unwrap()
}

/// Sends `text` and reads until the proxy hangs up.
async fn ask(proxy: &Proxy, text: &str) -> String {
    let mut stream = dial(proxy).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer));
    read.await.expect("the proxy hangs up").unwrap();
    answer
}

#[tokio::test]
async fn both_ways_lead_to_what_is_allowed() {
    let (proxy, server) = (start().await, hello(ALLOWED).await);
    let (address, password) = (server.address(), password(&proxy));
    let plain = format!("GET http://{address}/a HTTP/1.1\r\nHost: x\r\n{password}\r\n");
    assert!(ask(&proxy, &plain).await.ends_with("hello"));
    let tunnel = format!("CONNECT {address} HTTP/1.1\r\n{password}\r\nGET /b HTTP/1.1\r\n\r\n");
    let answer = ask(&proxy, &tunnel).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    let heads: Vec<String> = server.requests().into_iter().map(|request| request.head).collect();
    let plain = format!("GET /a HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    assert_eq!(heads, [plain.as_str(), "GET /b HTTP/1.1\r\n\r\n"]);
    assert_eq!(proxy.refusal(), None);
}

#[tokio::test]
async fn nobody_passes_without_the_password() {
    let (proxy, server) = (start().await, hello(ALLOWED).await);
    let address = server.address();
    let other = password(&start().await);
    for password in ["", "Proxy-Authorization: Basic eDp5\r\n", other.as_str()] {
        for request in [format!("CONNECT {address}"), format!("GET http://{address}/")] {
            let answer = ask(&proxy, &format!("{request} HTTP/1.1\r\n{password}\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 407 "), "{answer}");
        }
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn no_way_leads_to_what_is_not_public() {
    let (proxy, denied) = (start().await, hello(DENIED).await);
    let (port, password) = (denied.address().port(), password(&proxy));
    for host in
        ["127.0.0.2", "2130706434", "0x7f.2", "[::ffff:127.0.0.2]", "169.254.169.254", "[::1]"]
    {
        for request in [format!("CONNECT {host}:{port}"), format!("GET http://{host}:{port}/")] {
            let answer = ask(&proxy, &format!("{request} HTTP/1.1\r\n{password}\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
        }
    }
    assert!(denied.requests().is_empty());
    assert_eq!(proxy.refusal(), Some(Refusal::Address { host: "127.0.0.2".into() }));
}

#[tokio::test]
async fn a_second_request_never_reaches_the_first_server() {
    let proxy = start().await;
    let listener = TcpListener::bind((ALLOWED, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("\r\n\r\nok") {
            stream.read_buf(&mut seen).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await.unwrap();
        stream.shutdown().await.unwrap();
        stream.read_to_end(&mut seen).await.unwrap();
        String::from_utf8(seen).unwrap()
    };
    let password = password(&proxy);
    let request =
        format!("POST http://{address}/ HTTP/1.1\r\nContent-Length: 2\r\n{password}\r\nok");
    let twice = format!("{request}{request}");
    let (seen, answer) = tokio::join!(server, ask(&proxy, &twice));
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(seen.ends_with("\r\n\r\nok") && !seen.contains("Proxy-"), "{seen}");
}

#[tokio::test]
async fn nonsense_is_answered() {
    let proxy = start().await;
    for text in ["\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", &format!("GET {}", "x".repeat(40_000))] {
        let mut stream = dial(&proxy).await;
        // The proxy may hang up before it has read all.
        let _ = stream.write_all(text.as_bytes()).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
}

#[tokio::test]
async fn its_end_is_the_end_of_its_connections() {
    let (proxy, server) = (
        start().await,
        Server::start(ALLOWED, |_| Reply::new("200 OK", &[], b"").stalling()).await,
    );
    let mut stream = dial(&proxy).await;
    let request = format!("GET {} HTTP/1.1\r\n{}\r\n", server.url("/"), password(&proxy));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    drop(proxy);
    let mut remaining = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut remaining)).await;
    assert!(ended.is_ok(), "still open");
}
