//! A proxy in front of the S3 server that stops or answers chosen requests.
//!
//! Shows the moments that are otherwise too short: an upload in its middle, a store that fails.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens to requests whose bytes contain the pattern.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// They are never answered.
    Hold,
    /// They are answered with this status and S3 error code, without reaching the server.
    Answer(u16, &'static str),
}

pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    /// Told whenever a request met the rule.
    pub(crate) met: Arc<Notify>,
}

impl Gate {
    /// Listens in front of `server`, for as long as the test's runtime lives.
    pub(crate) async fn open(server: SocketAddr, pattern: &'static str, rule: Rule) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = Self { address: listener.local_addr().unwrap(), met: Arc::default() };
        let met = Arc::clone(&gate.met);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, pattern, rule, Arc::clone(&met)));
            }
        });
        gate
    }
}

/// Copies both ways until a request meets the rule; requests start with a read of their own,
/// because the client waits for the answer before it sends the next one.
async fn pass(
    client: TcpStream,
    server: SocketAddr,
    pattern: &'static str,
    rule: Rule,
    met: Arc<Notify>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
    let mut buffer = vec![0; 64 * 1024];
    let answers = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        to_client
    });
    loop {
        let len = from_client.read(&mut buffer).await.unwrap_or(0);
        if len == 0 {
            break;
        }
        if contains(&buffer[..len], pattern) {
            met.notify_one();
            match rule {
                Rule::Hold => return std::future::pending().await,
                Rule::Answer(status, code) => {
                    drop(to_server);
                    let mut to_client = answers.await.unwrap();
                    let body = format!("<Error><Code>{code}</Code></Error>");
                    let answer = format!(
                        "HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\n\
                         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = to_client.write_all(answer.as_bytes()).await;
                    // Read to the end, or closing would discard the answer with the body.
                    while from_client.read(&mut buffer).await.unwrap_or(0) > 0 {}
                    return;
                }
            }
        }
        if to_server.write_all(&buffer[..len]).await.is_err() {
            break;
        }
    }
}

fn contains(bytes: &[u8], pattern: &str) -> bool {
    bytes.windows(pattern.len()).any(|window| window == pattern.as_bytes())
}
