//! Options for where finished outputs go.

use url::Url;

use super::InvalidOption;
use crate::tenant;

/// Longest prefix; what is put below it still fits into a key.
const PREFIX_BYTES_MAX: usize = 512;
/// Longest segment of a prefix; a file name, with room for what a store adds while it writes.
const SEGMENT_BYTES_MAX: usize = 200;
/// Longest base of playlist addresses.
const BASE_BYTES_MAX: usize = 2048;

/// Where a tenant's prefix lies in the bucket of published videos: where it says, for the tenant of
/// everybody, and below a folder of its own for any other, so that no tenant can name another's.
pub fn published_prefix(tenant: &str, prefix: &str) -> String {
    match tenant {
        tenant::DEFAULT => prefix.to_owned(),
        tenant => format!("{}/{prefix}", tenant::folder(tenant)),
    }
}

pub(super) fn check_prefix(prefix: &str) -> Result<(), InvalidOption> {
    let refuse = |reason: &str| Err(InvalidOption::new("output_prefix", reason));
    if !(1..=PREFIX_BYTES_MAX).contains(&prefix.len()) {
        return refuse("must have 1 to 512 bytes");
    }
    if prefix.chars().any(char::is_control) {
        return refuse("must not hold control characters");
    }
    for segment in prefix.split('/') {
        if segment.is_empty() {
            return refuse("must not begin or end with `/`, nor hold `//`");
        }
        if segment.starts_with('.') {
            return refuse("no part between slashes may begin with a dot");
        }
        if segment.len() > SEGMENT_BYTES_MAX {
            return refuse("no part between slashes may have more than 200 bytes");
        }
    }
    if prefix.split('/').next() == Some(tenant::FOLDER) {
        return refuse("must not begin with `tenants/`");
    }
    Ok(())
}

pub(super) fn check_base(base: &str) -> Result<(), InvalidOption> {
    let refuse = |reason: &str| Err(InvalidOption::new("playlist_base_url", reason));
    if base.len() > BASE_BYTES_MAX {
        return refuse("must have at most 2048 bytes");
    }
    if base.chars().any(|c| c.is_control() || c.is_whitespace() || c == '"') {
        return refuse("must not hold white space, quotes or control characters");
    }
    let Ok(url) = Url::parse(base) else { return refuse("is not an absolute address") };
    if !(base.starts_with("http://") || base.starts_with("https://")) || url.host().is_none() {
        return refuse("must begin with `http://` or `https://` and name a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("must not hold `?` or `#`: what follows it is a path");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_could_leave_their_place_are_refused() {
        let (long, wide) = ("a/".repeat(256) + "a", "a".repeat(201));
        for prefix in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            ".a",
            "a/.b",
            "a\nb",
            "tenants/x",
            "tenants",
            &long,
            &wide,
        ] {
            assert_eq!(check_prefix(prefix).unwrap_err().path, "output_prefix", "{prefix:?}");
        }
        for prefix in ["a", "channel-7/2026/clip", "ü/日本 +%2F", "tenantsx/a"] {
            assert_eq!(check_prefix(prefix), Ok(()), "{prefix}");
        }
    }

    #[test]
    fn a_base_is_an_address_that_a_path_can_follow() {
        let long = format!("https://h/{}", "a".repeat(BASE_BYTES_MAX));
        for base in [
            "",
            "cdn.example",
            "//h/a",
            "ftp://h",
            "https://",
            "https://u@h/",
            "https://u:p@h/",
            "https://h/?a",
            "https://h/#a",
            "https://h/a b",
            "https://h/\"",
            "data:,x",
            &long,
        ] {
            assert_eq!(check_base(base).unwrap_err().path, "playlist_base_url", "{base:?}");
        }
        for base in ["http://127.0.0.1:9000/videos", "https://cdn.example", "https://h/a/b/"] {
            assert_eq!(check_base(base), Ok(()), "{base}");
        }
    }

    #[test]
    fn no_tenant_can_name_the_prefix_of_another() {
        assert_eq!(published_prefix("default", "a/b"), "a/b");
        assert_eq!(published_prefix("acme", "a/b"), "tenants/acme/a/b");
        assert!(check_prefix("tenants/acme/a/b").is_err());
        // Two tenants from before names had an alphabet.
        assert_ne!(published_prefix("acme/b", "x"), published_prefix("acme", "b/x"));
    }
}
