//! Thousands of clients that connect and say half a line keep nobody out of the running product.

use std::net::SocketAddr;

use fixtures::PATIENCE;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};

use crate::product::{Flags, Product, data};

/// Silent clients of each listener.
const SILENT: u64 = 5000;
/// Files of the test itself.
const OWN_FILES: u64 = 200;
/// Clients of each of the addresses they come from.
const OF_ADDRESS: usize = 500;

/// So many files as the machine lets this process have, of those that are wanted.
fn raise_limit(wanted: u64) -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let limit = wanted.clamp(soft.min(hard), hard);
    setrlimit(Resource::RLIMIT_NOFILE, limit, hard).unwrap();
    limit
}

/// A client of its own address that sends half a head; `None` where it was hung up on at once.
async fn silent(at: usize, address: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    let from = format!("127.0.1.{}:0", 1 + at / OF_ADDRESS);
    socket.bind(from.parse().unwrap()).unwrap();
    let mut client = socket.connect(address).await.ok()?;
    client.write_all(b"GET / HTTP/1.1\r\nHost:").await.ok()?;
    Some(client)
}

#[tokio::test]
async fn five_thousand_silent_clients_keep_nobody_out() {
    let data = data();
    // The clients stay as long as the test does.
    let flags = Flags::default().and(["--head-seconds-max", "600"]);
    let Some(product) = Product::start(data.path(), &flags) else { return };
    let files = raise_limit(2 * SILENT + OWN_FILES);
    let each = usize::try_from(SILENT.min(files.saturating_sub(OWN_FILES) / 2)).unwrap();
    if (each as u64) < SILENT {
        eprintln!(
            "the hard limit of open files allows {each} clients of each listener, not {SILENT}"
        );
    }
    let mut clients = Vec::new();
    for base in [product.api(), product.media()] {
        let address = base.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        for at in 0..each {
            clients.push(silent(at, address).await);
        }
    }
    let held = clients.iter().flatten().count();
    assert!(held > each, "only {held} were let in at all");
    for path in ["healthz", "readyz", "metrics", "videos"] {
        let answer = product.request("GET", &format!("/{path}")).timeout(PATIENCE);
        assert_eq!(answer.send().await.unwrap().status(), 200, "{path}");
    }
    let media = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = media.get(product.media()).timeout(PATIENCE).send().await;
    assert_eq!(answer.unwrap().status(), 404);
    drop(clients);
}
