//! `millrace ready`: asks the API or worker of this machine whether it is ready, for the health checks
//! of containers and service managers.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::cli;

/// Largest answer that is read.
const BYTES_MAX: usize = 64 << 10;

/// Asks every listener that there is; fails, with the reason, unless all that listen are ready.
pub(crate) async fn run(args: cli::Ready) -> anyhow::Result<()> {
    let within = Duration::from_secs(args.answer_seconds_max);
    let asked = tokio::time::timeout(within, ask_all(&args)).await;
    asked.with_context(|| format!("no answer within {} s", within.as_secs()))??;
    say();
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the answer is for whoever asked")]
fn say() {
    println!("ready");
}

async fn ask_all(args: &cli::Ready) -> anyhow::Result<()> {
    let addresses = [Some(args.api_addr), args.metrics_addr];
    let mut refused = Vec::new();
    let mut n_asked = 0;
    for address in addresses.into_iter().flatten().map(reachable) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                ask(stream).await.with_context(|| format!("the process at {address}"))?;
                n_asked += 1;
            }
            Err(error) => refused.push(format!("{address} ({error})")),
        }
    }
    if n_asked == 0 {
        bail!(
            "nothing listens at {}; is it running, and does a worker have --metrics-addr?",
            refused.join(" or ")
        );
    }
    Ok(())
}

async fn ask(stream: TcpStream) -> anyhow::Result<()> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what fails there fails below.
    tokio::spawn(connection);
    let request = Request::get("/readyz").header(header::HOST, "localhost").body(Body::empty())?;
    let answer = sender.send_request(request).await.context("does not answer")?;
    if answer.status() == StatusCode::OK {
        return Ok(());
    }
    let status = answer.status();
    let bytes = axum::body::to_bytes(Body::new(answer.into_body()), BYTES_MAX).await?;
    let wrong = serde_json::from_slice(&bytes).map(|answer| faults("", &answer));
    match wrong {
        Ok(wrong) if !wrong.is_empty() => bail!("is not ready: {}", wrong.join("; ")),
        _ => bail!("is not ready: it answers {status}"),
    }
}

/// Every part of an answer that is not as it should be, with the reason.
fn faults(name: &str, part: &Value) -> Vec<String> {
    let Value::Object(fields) = part else { return Vec::new() };
    if fields.get("ok") == Some(&Value::Bool(false)) {
        let detail = fields.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
        return vec![format!("{name}: {detail}")];
    }
    fields.iter().flat_map(|(name, part)| faults(name, part)).collect()
}

/// Where something that listens on an address can be reached from the same machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, address.port())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_named_with_its_reason() {
        let answer = json!({
            "ready": false,
            "catalog": {"ok": true},
            "store": {"ok": false, "detail": "no answer within 3 s"},
            "queues": {"transcode": {"ok": false, "detail": "stopping"}, "scenes": {"ok": true}},
        });
        assert_eq!(faults("", &answer), ["transcode: stopping", "store: no answer within 3 s"]);
    }

    #[test]
    fn what_listens_everywhere_is_asked_here() {
        for (listens, asked) in [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("10.0.0.7:9100", "10.0.0.7:9100"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
