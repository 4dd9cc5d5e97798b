//! A server that answers each request with exactly the bytes a test wants, broken ones included, and
//! remembers what it was asked.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// Between two bytes that drip.
const DROP: Duration = Duration::from_millis(20);

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
}

impl Request {
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    }

    /// N of `Range: bytes=N-`.
    pub(crate) fn start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

pub(crate) struct Reply {
    bytes: Vec<u8>,
    stalls: bool,
    drips: bool,
}

impl Reply {
    /// A status line without its version, headers, and a body, as they go over the wire.
    pub(crate) fn new(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend(body);
        Self { bytes, stalls: false, drips: false }
    }

    /// After its bytes the connection stays open.
    pub(crate) fn stalling(self) -> Self {
        Self { stalls: true, ..self }
    }

    /// After its bytes one more follows every 20 ms at most, without end.
    pub(crate) fn dripping(self) -> Self {
        Self { drips: true, ..self }
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) async fn start(
        ip: IpAddr,
        respond: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, respond) = (Arc::clone(&requests), Arc::new(respond));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, respond) = (Arc::clone(&seen), Arc::clone(&respond));
                tokio::spawn(async move { serve(stream, &seen, &*respond).await });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    respond: &(impl Fn(&Request) -> Reply + Sync),
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let request = Request { head: String::from_utf8(head).unwrap() };
    seen.lock().unwrap().push(request.clone());
    let reply = respond(&request);
    // The client may hang up as soon as it has seen enough.
    let _ = stream.write_all(&reply.bytes).await;
    while reply.drips && stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(DROP).await;
    }
    if reply.stalls {
        let _ = stream.read_u8().await;
    }
    let _ = stream.shutdown().await;
}
