//! How the tests' stores reach the S3 server that `fixtures` starts.

use std::net::{SocketAddr, TcpListener};

use fixtures::S3Server;
use storage::{S3Config, Secret, Store};
use url::Url;

/// Opens the store at an address and makes its buckets.
pub(crate) async fn store(server: &S3Server) -> Store {
    let store = Store::open_s3(&config(server.address())).await.unwrap();
    store.ensure_buckets().await.unwrap();
    store
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
