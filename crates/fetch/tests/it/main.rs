//! What fetching does against real sockets, real yt-dlp and real ffmpeg, all on this machine.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its functions too")]

mod download;
mod proxy;
mod redirect;
mod server;
mod site;

use std::net::IpAddr;

use fetch::{Client, Config};
use fixtures::PATIENCE;

/// What a client in a test may reach besides the public internet: the servers of the tests.
fn config() -> Config {
    Config {
        allow: vec!["127.0.0.1/32".parse().unwrap()],
        connect_timeout: PATIENCE,
        read_timeout: PATIENCE,
        ..Config::default()
    }
}

fn client() -> Client {
    Client::new(config()).unwrap()
}

/// The address of the servers that may be reached.
const ALLOWED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// The address of the servers that may not.
const DENIED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
