//! What a source is called, from `Content-Disposition` (RFC 6266) or else its address. Pure.

use url::Url;

/// The name the header gives, or else the last part of the address; never with a folder in it.
pub(crate) fn source_name(content_disposition: Option<&str>, url: &Url) -> Option<String> {
    content_disposition.and_then(from_header).or_else(|| {
        let last = url.path_segments()?.next_back()?;
        plain(&percent_decode(last))
    })
}

fn from_header(header: &str) -> Option<String> {
    let mut plain_name = None;
    for (name, value) in parameters(header) {
        match name.as_str() {
            // The extended form wins over the plain one, wherever it stands.
            "filename*" => {
                let (_, encoded) = value.split_once("''")?;
                return plain(&percent_decode(encoded));
            }
            "filename" => plain_name = plain(&value),
            _ => {}
        }
    }
    plain_name
}

/// The `name=value` parts after the first `;`, unquoted.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Some((_, mut rest)) = header.split_once(';') else { return found };
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim().to_ascii_lowercase();
        let after = after.trim_start();
        let (value, remaining) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)
        } else {
            let (value, remaining) = after.split_once(';').unwrap_or((after, ""));
            (value.trim().to_owned(), remaining)
        };
        found.push((name, value));
        rest = remaining.trim_start().trim_start_matches(';');
    }
    found
}

/// Reads up to the closing quote; returns the value and what follows.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(char),
        }
    }
    (value, "")
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let decoded = digits
            .filter(|two| first == b'%' && two.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last component, without control characters and at most 255 characters long.
fn plain(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|char| !char.is_control()).take(255).collect();
    let kept = kept.trim();
    if kept.is_empty() || kept == "." || kept == ".." { None } else { Some(kept.to_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: Option<&str>, url: &str, expected: Option<&str>) {
        assert_eq!(source_name(header, &url.parse().unwrap()).as_deref(), expected);
    }

    #[test]
    fn the_header_wins_over_the_address() {
        check(None, "http://a/b/clip%20one.mp4?x=/y.avi", Some("clip one.mp4"));
        check(None, "http://a/", None);
        check(None, "http://a/100%", Some("100%"));
        check(Some("attachment"), "http://a/b.mp4", Some("b.mp4"));
        check(Some("attachment; filename=c.mov"), "http://a/b.mp4", Some("c.mov"));
        check(
            Some("inline; a=b; FileName = \"c;\\\"d\\\".mov\"; e=f"),
            "http://a/",
            Some("c;\"d\".mov"),
        );
        check(
            Some("attachment; filename*=UTF-8''%C3%A9t%C3%A9.mkv; filename=x"),
            "http://a/",
            Some("été.mkv"),
        );
        check(Some("attachment; filename=\"unclosed"), "http://a/", Some("unclosed"));
    }

    #[test]
    fn no_name_leads_anywhere() {
        check(Some("attachment; filename=\"../../etc/passwd\""), "http://a/", Some("passwd"));
        check(Some("attachment; filename=\"C:\\\\x\\\\y.mp4\""), "http://a/", Some("y.mp4"));
        check(Some("attachment; filename*=UTF-8''..%2F.."), "http://a/", None);
        check(None, "http://a/%2e%2e%2f%00x", Some("x"));
    }

    proptest! {
        #[test]
        fn hostile_names_are_plain(
            header in r#"(attachment|inline)?(; ?filename\*?=("?[./\\%a-f0-9'"\x00-\x1f]{0,20}"?|UTF-8''[%./0-9a-fA-F]{0,20})){0,3}"#,
            path in r"[./%0-9a-zA-Z\\-]{0,30}",
        ) {
            let Ok(url) = format!("http://h/{path}").parse() else { return Ok(()) };
            if let Some(name) = source_name(Some(&header), &url) {
                let plain = |c: char| c != '/' && c != '\\' && !c.is_control();
                prop_assert!(!name.is_empty() && name.chars().all(plain), "{name:?}");
                prop_assert!(name != "." && name != "..");
            }
        }
    }
}
