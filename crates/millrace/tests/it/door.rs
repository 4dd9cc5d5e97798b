//! Every way into the Temporal server that `millrace up` runs, tried as a web page would.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
};

use contract::TaskQueue;
use reqwest::{Method, StatusCode};

use crate::product::{Flags, Product, data, running};

/// Where a process listens: what the kernel says, not the process.
fn listening(pid: u32) -> BTreeSet<SocketAddr> {
    let sockets: BTreeSet<String> = fs_err::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs_err::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let link = link.to_string_lossy().into_owned();
            Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let text = fs_err::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            // 0A is LISTEN.
            if fields[3] != "0A" || !sockets.contains(fields[9]) {
                continue;
            }
            let (address, port) = fields[1].split_once(':').unwrap();
            assert_eq!(table, "tcp", "it listens on IPv6 too: {line}");
            let address = Ipv4Addr::from(u32::from_str_radix(address, 16).unwrap().swap_bytes());
            let port = u16::from_str_radix(port, 16).unwrap();
            found.insert(SocketAddr::V4(SocketAddrV4::new(address, port)));
        }
    }
    found
}

/// The status of a request, or nothing where no HTTP/1.1 is spoken.
async fn status(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Option<StatusCode> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.ok().map(|answer| answer.status())
}

#[tokio::test]
async fn no_web_page_gets_into_temporal() {
    let folder = data();
    let Some(product) = Product::start(folder.path(), &Flags::default()) else { return };
    let [pid] = running("temporal", folder.path())[..] else { panic!("one server runs") };
    let all = listening(pid);
    assert!(all.len() >= 4, "{all:?}");
    assert!(all.iter().all(|address| address.ip().is_loopback()), "{all:?}");

    // The page itself is where nobody looks; everything else refuses, whatever it is called.
    let (known, hidden): (Vec<SocketAddr>, Vec<SocketAddr>) =
        all.into_iter().partition(|address| address.ip() == Ipv4Addr::LOCALHOST);
    let [hidden] = hidden[..] else { panic!("{hidden:?}") };
    let start = "/api/v1/namespaces/default/workflows/forged";
    let mut forbidden = 0;
    for address in known {
        for path in ["/api/v1/namespaces", "/namespaces/default/workflows", start] {
            for host in [&address.to_string(), "localhost", "evil.example", ""] {
                let url = format!("http://{address}{path}");
                let got = status(Method::GET, &url, &[("host", host)], "").await;
                assert!(got.is_none_or(|it| !it.is_success()), "{url} as `{host}`: {got:?}");
                let headers = [("host", host), ("content-type", "text/plain")];
                let got = status(Method::POST, &url, &headers, "{}").await;
                assert!(got.is_none_or(|it| !it.is_success()), "{url} as `{host}`: {got:?}");
                forbidden += u32::from(got == Some(StatusCode::FORBIDDEN));
            }
        }
    }
    assert!(forbidden >= 4, "the HTTP API was not among them");

    // The control: the page is there, and has what the attacks want.
    let page = product.page();
    let list = format!("{page}/api/v1/namespaces/default/workflows");
    assert_eq!(status(Method::GET, &list, &[], "").await, Some(StatusCode::OK));
    let opened = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    assert_eq!(status(Method::GET, page, &opened, "").await, Some(StatusCode::OK));
    let straight = format!("http://{hidden}/api/v1/namespaces/default/workflows");
    assert_eq!(status(Method::GET, &straight, &[], "").await, Some(StatusCode::OK));

    // By a rebound name, from another origin, and without asking.
    let rebound = [("host", "evil.example:8080")];
    let got = status(Method::GET, &list, &rebound, "").await;
    assert_eq!(got, Some(StatusCode::MISDIRECTED_REQUEST));
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(status(Method::GET, &list, &foreign, "").await, Some(StatusCode::FORBIDDEN));
    let post = format!("{page}{start}");
    for headers in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "text/plain"), ("origin", "http://evil.example")],
        &[("content-type", "application/json"), ("origin", "http://127.0.0.1:1")],
        &[("content-type", "application/json"), ("sec-fetch-site", "cross-site")],
    ] {
        let got = status(Method::POST, &post, headers, "{}").await;
        assert_eq!(got, Some(StatusCode::FORBIDDEN), "{headers:?}");
    }
}

#[tokio::test]
async fn no_activity_runs_without_a_workflow() {
    let folder = data();
    let Some(product) = Product::start(folder.path(), &Flags::default()) else { return };
    let address = product.temporal_address();
    let run = |queue: &str| {
        let program = fixtures::require_or_skip("temporal").unwrap();
        let input = r#"{"video": "01a1fdb8-95c4-755b-b034-e8c4f3920c68", "after": "abandoned"}"#;
        fixtures::tools::command(program)
            .args(["activity", "start", "--address", &address, "--activity-id", "forged"])
            .args(["--type", "clean_up", "--task-queue", queue, "--input", input])
            .args(["--start-to-close-timeout", "10s"])
            .output()
            .unwrap()
    };
    let answer = run(TaskQueue::Playlist.name());
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(!answer.status.success() && said.contains("disabled"), "{said}");
}
