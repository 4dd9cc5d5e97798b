//! A real S3 server for tests: moto, installed by `scripts/setup.sh`, run by `s3_server.py`.
//!
//! Owns its start, its address and its end. What the server does not do: check secrets and expiry.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use storage::{S3Config, Secret, Store};
use url::Url;

/// A running server, stopped when dropped. It keeps its objects in memory.
pub(crate) struct S3Server {
    child: Child,
    address: SocketAddr,
}

impl S3Server {
    /// Starts a server; `None`, with the reason printed, where it is not installed.
    ///
    /// With `CI` set its absence is a failure, so that the S3 tests cannot vanish unseen.
    pub(crate) fn start() -> Option<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = package.join("../../.tools/venv/bin");
        if !tools.join("moto_server").exists() {
            let missing = "no S3 server (.tools/venv/bin/moto_server), run `make setup`";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            writeln!(std::io::stderr(), "skipped: {missing}").ok();
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "a test starts its own server")]
        let mut child = Command::new(tools.join("python"))
            .arg(package.join("tests/it/s3_server.py"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = child.stderr.take().unwrap();
        // Made before the wait, so that the server is stopped also when that fails.
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        server.address = announced_address(log);
        Some(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens the store on this server and makes its buckets.
    pub(crate) async fn store(&self) -> Store {
        let store = Store::open_s3(&config(self.address)).await.unwrap();
        store.ensure_buckets().await.unwrap();
        store
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log up to the line that names the address, then keeps it drained.
fn announced_address(log: ChildStderr) -> SocketAddr {
    let mut log = BufReader::new(log);
    let mut seen = String::new();
    let address = loop {
        let start = seen.len();
        assert_ne!(log.read_line(&mut seen).unwrap(), 0, "the server ended: {seen}");
        if let Some((_, address)) = seen[start..].trim_end().split_once("Running on http://") {
            break address.parse().unwrap();
        }
    };
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    address
}

/// How to reach an S3 server of the tests.
pub(crate) fn config(address: SocketAddr) -> S3Config {
    S3Config {
        endpoint: Some(Url::parse(&format!("http://{address}/")).unwrap()),
        access_key: Some("test".to_owned()),
        secret_key: Some(Secret::new("test-secret")),
        force_path_style: true,
        bucket_prefix: Some("acme-".to_owned()),
        ..S3Config::default()
    }
}

/// An address nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
