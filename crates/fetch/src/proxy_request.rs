//! Reads the head of a request to the proxy, and writes the one that goes on to the server. Pure.

use std::fmt::Write;

use url::Url;

/// A request to the proxy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// Where to connect: host and port of it count.
    pub(crate) target: Url,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<&'a str>,
    /// What to do there.
    pub(crate) way: Way,
}

/// How a request goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a tunnel of bytes.
    Tunnel,
    /// As one request with this head and a body of that many bytes.
    Plain { head: String, body_bytes: u64 },
}

/// Reads a whole head, up to and with the empty line. None for what no proxy client sends, and for a
/// body without a length.
pub(crate) fn parse(head: &str) -> Option<Request<'_>> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target, version) = (first.next()?, first.next()?, first.next()?);
    if !version.starts_with("HTTP/1.") || first.next().is_some() {
        return None;
    }
    let headers: Vec<(&str, &str)> = lines
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_once(':').map(|(name, value)| (name, value.trim())))
        .collect::<Option<_>>()?;
    let find = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
    };
    let authorization = find("Proxy-Authorization");
    if method == "CONNECT" {
        let target = Url::parse(&format!("https://{target}/")).ok()?;
        let is_authority = target.path() == "/" && target.query().is_none();
        return is_authority.then_some(Request { target, authorization, way: Way::Tunnel });
    }
    if find("Transfer-Encoding").is_some() {
        return None;
    }
    let body_bytes = find("Content-Length").map_or(Ok(0), str::parse).ok()?;
    let target = Url::parse(target).ok().filter(|target| target.scheme() != "https")?;
    let head = onward(method, &target, &headers);
    Some(Request { target, authorization, way: Way::Plain { head, body_bytes } })
}

/// The head for the server: the path only, the host of the address whatever the client wrote, nothing
/// meant for the proxy, and one request per connection.
fn onward(method: &str, target: &Url, headers: &[(&str, &str)]) -> String {
    let path = &target[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &target[url::Position::BeforeHost..url::Position::AfterPort];
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let is_ours =
            matches!(lower.as_str(), "host" | "connection" | "keep-alive" | "te" | "upgrade");
        if !is_ours && !lower.starts_with("proxy-") {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    head + "Connection: close\r\n\r\n"
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    #[test]
    fn a_plain_request_goes_on_without_what_is_the_proxys() {
        let request = parse(
            "POST http://a:8080/b?c=d#e HTTP/1.1\r\nHost: other\r\nProxy-Authorization: Basic x\r\n\
             Proxy-Connection: keep-alive\r\nConnection: keep-alive\r\nRange: bytes=5-\r\n\
             Content-Length: 3\r\n\r\n",
        )
        .unwrap();
        assert_eq!(request.authorization, Some("Basic x"));
        assert_eq!(request.target.port(), Some(8080));
        let head = "POST /b?c=d HTTP/1.1\r\nHost: a:8080\r\nRange: bytes=5-\r\nContent-Length: 3\r\n\
                    Connection: close\r\n\r\n";
        assert_eq!(request.way, Way::Plain { head: head.to_owned(), body_bytes: 3 });
    }

    #[test]
    fn a_tunnel_names_a_host_and_a_port() {
        let request = parse("CONNECT [::1]:443 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!((request.target.as_str(), request.way), ("https://[::1]/", Way::Tunnel));
        assert_eq!(parse("CONNECT a:80/path HTTP/1.1\r\n\r\n"), None);
    }

    #[test]
    fn what_no_client_sends_is_refused() {
        for head in [
            "",
            "\r\n\r\n",
            "GET /relative HTTP/1.1\r\n\r\n",
            "GET https://a/ HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/2\r\n\r\n",
            "GET http://a/ b HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nno colon\r\n\r\n",
            "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST http://a/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        ] {
            assert_eq!(parse(head), None, "{head:?}");
        }
    }

    const PIECES: &[&str] = &[
        "GET ",
        "CONNECT ",
        "POST ",
        " HTTP/1.1",
        "\r\n",
        "\r\n\r\n",
        "http://h/",
        "h:443",
        "Host: a",
        "Content-Length: 5",
        "Content-Length: -1",
        "Transfer-Encoding: chunked",
        "Connection: x, y",
        "Proxy-Authorization: Basic a",
        ":",
        " ",
        "\n",
        "\0",
        "[::1]",
        "@",
        "%0d%0a",
    ];

    proptest! {
        #[test]
        fn hostile_heads_become_one_request_or_none(
            pieces in vec(prop_oneof![select(PIECES).prop_map(str::to_owned), ".{0,8}"], 0..24),
        ) {
            let head = pieces.concat();
            if let Some(Request { way: Way::Plain { head, .. }, .. }) = parse(&head) {
                // Nothing that follows the empty line goes on as another request.
                prop_assert!(head.ends_with("\r\n\r\n"));
                prop_assert_eq!(head.matches("\r\n\r\n").count(), 1);
                let lower = head.to_ascii_lowercase();
                prop_assert!(!lower.contains("\r\nproxy-authorization:"), "{head:?}");
            }
        }
    }
}
