//! The only network access of yt-dlp: an HTTP proxy on this machine that connects only to what the
//! filter permits.
//!
//! It carries tunnels (`CONNECT`) and plain requests, one per connection; it neither keeps nor looks
//! at what it carries.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use url::{Host, Url};

use crate::{
    Error, Filter, Refusal,
    proxy_request::{self, Request, Way},
    resolve::{self, Obstacle},
};

const USER: &str = "millrace";
/// More at once wait for their turn.
const MAX_CONNECTIONS: usize = 64;
const MAX_HEAD_BYTES: usize = 32 << 10;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A running proxy; dropping it ends it and every connection through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    token: String,
    gate: Arc<Gate>,
    task: AbortHandle,
}

/// What a connection is judged by.
#[derive(Debug)]
struct Gate {
    filter: Arc<Filter>,
    connect_timeout: Duration,
    authorization: String,
    refused: Mutex<Option<Refusal>>,
}

impl Proxy {
    /// Starts a proxy on a free port of 127.0.0.1 that wants a fresh random password.
    pub async fn start(filter: Arc<Filter>, connect_timeout: Duration) -> Result<Self, Error> {
        let mut random = [0; 16];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| Error::Setup("no random numbers from the system".into()))?;
        let token = format!("{:032x}", u128::from_ne_bytes(random));
        let authorization = format!("Basic {}", STANDARD.encode(format!("{USER}:{token}")));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::Io)?;
        let address = listener.local_addr().map_err(Error::Io)?;
        let gate = Gate { filter, connect_timeout, authorization, refused: Mutex::default() };
        let gate = Arc::new(gate);
        let task = tokio::spawn(accept(listener, Arc::clone(&gate))).abort_handle();
        Ok(Self { address, token, gate, task })
    }

    /// Its address with its password, as programs take it.
    pub fn url(&self) -> String {
        format!("http://{USER}:{}@{}", self.token, self.address)
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The first connection it refused.
    pub fn refusal(&self) -> Option<Refusal> {
        self.gate.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// The connections live in the set, and the set in this task: aborting it ends them all.
async fn accept(listener: TcpListener, gate: Arc<Gate>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        let Ok((client, _)) = listener.accept().await else { continue };
        let gate = Arc::clone(&gate);
        connections.spawn(async move {
            if let Err(error) = serve(client, &gate).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "proxied connection broke"
                );
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, gate: &Gate) -> io::Result<()> {
    let head = timeout(HEAD_TIMEOUT, read_head(&mut client)).await??;
    let Some((head, mut early)) = head else { return answer(&mut client, "400 Bad Request").await };
    let Some(request) = proxy_request::parse(&head) else {
        return answer(&mut client, "400 Bad Request").await;
    };
    if request.authorization != Some(gate.authorization.as_str()) {
        let wanted =
            "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=millrace";
        return answer(&mut client, wanted).await;
    }
    let mut server = match dial(gate, &request).await {
        Ok(server) => server,
        Err(Obstacle::Refused(_)) => return answer(&mut client, "403 Forbidden").await,
        Err(_) => return answer(&mut client, "502 Bad Gateway").await,
    };
    match request.way {
        Way::Tunnel => {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            server.write_all(&early).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Way::Plain { head, body_bytes } => {
            server.write_all(head.as_bytes()).await?;
            // What follows this request is another one, perhaps for another server.
            early.truncate(usize::try_from(body_bytes).unwrap_or(usize::MAX));
            server.write_all(&early).await?;
            let missing = body_bytes - early.len() as u64;
            copy(&mut (&mut client).take(missing), &mut server).await?;
            copy(&mut server, &mut client).await?;
            client.shutdown().await?;
        }
    }
    Ok(())
}

/// The head of a request as text, and what came with it; none when it is too long, broken off or no
/// text.
async fn read_head(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let early = bytes.split_off(at + 4);
            return Ok(String::from_utf8(bytes).ok().map(|head| (head, early)));
        }
        if bytes.len() > MAX_HEAD_BYTES || client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

async fn answer(client: &mut TcpStream, status: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await?;
    client.shutdown().await
}

async fn dial(gate: &Gate, request: &Request<'_>) -> Result<TcpStream, Obstacle> {
    let dialled = connect(gate, &request.target).await;
    if let Err(Obstacle::Refused(refusal)) = &dialled {
        let mut refused = gate.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        refused.get_or_insert_with(|| refusal.clone());
    }
    dialled
}

async fn connect(gate: &Gate, target: &Url) -> Result<TcpStream, Obstacle> {
    gate.filter.check(target).map_err(Obstacle::Refused)?;
    let host = match target.host() {
        None => return Err(Obstacle::Refused(Refusal::NoHost)),
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
    };
    let port = target.port_or_known_default().unwrap_or(80);
    let mut detail = String::new();
    for address in resolve::addresses(&gate.filter, &host).await? {
        match timeout(gate.connect_timeout, TcpStream::connect((address, port))).await {
            Ok(Ok(server)) => return Ok(server),
            Ok(Err(error)) => detail = error.to_string(),
            Err(error) => detail = error.to_string(),
        }
    }
    Err(Obstacle::LookupFailed { host, detail })
}
