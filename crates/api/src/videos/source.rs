//! Which sources a request may name. A file of this machine is not among them.

use contract::Source;
use storage::{Bucket, Object};
use url::Url;

use crate::problem::FieldError;

/// Longest source address accepted.
const URL_BYTES_MAX: usize = 4096;

/// A source that obeys every rule that can be checked without asking anybody.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Url(Url),
    Object(Object),
}

impl From<Checked> for Source {
    fn from(checked: Checked) -> Self {
        match checked {
            Checked::Url(url) => Self::Url { url: url.into() },
            Checked::Object(object) => {
                Self::Object { bucket: object.bucket().to_string(), key: object.key().to_owned() }
            }
        }
    }
}

/// Checks the three fields that can name a source.
pub(super) fn check(
    url: Option<&str>,
    bucket: Option<&str>,
    key: Option<&str>,
) -> Result<Checked, FieldError> {
    match (url, bucket, key) {
        (Some(url), None, None) => check_url(url).map(Checked::Url),
        (None, Some(bucket), Some(key)) => check_object(bucket, key).map(Checked::Object),
        (None, None, None) => Err(FieldError::body("", "give `url`, or `bucket` and `key`")),
        (None, Some(_), None) => Err(FieldError::body("key", "goes together with `bucket`")),
        (None, None, Some(_)) => Err(FieldError::body("bucket", "goes together with `key`")),
        (Some(_), ..) => {
            Err(FieldError::body("url", "give either `url`, or `bucket` and `key`, not both"))
        }
    }
}

/// The parsed form is what is kept, so that everything that reads it later reads the same.
fn check_url(text: &str) -> Result<Url, FieldError> {
    let refuse = |reason: &str| Err(FieldError::body("url", reason));
    if text.len() > URL_BYTES_MAX {
        return refuse("is longer than 4096 bytes");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refuse("holds white space or control characters; percent-encode them");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refuse(&format!("is not an absolute URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("must begin with `http://` or `https://`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold a user name or password");
    }
    Ok(url)
}

fn check_object(bucket: &str, key: &str) -> Result<Object, FieldError> {
    let bucket: Bucket = bucket.parse().map_err(|_| {
        let known = Bucket::ALL.map(Bucket::as_str).join("`, `");
        FieldError::body("bucket", &format!("must be one of `{known}`"))
    })?;
    Object::new(bucket, key).map_err(|error| FieldError::body("key", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: Option<&str>, bucket: Option<&str>, key: Option<&str>) -> String {
        serde_json::to_value(check(url, bucket, key).unwrap_err()).unwrap()["pointer"].to_string()
    }

    #[test]
    fn addresses_that_name_a_host_over_http() {
        for url in [
            "http://example.com/",
            "https://example.com:8443/a%20b.mp4?x=1#t",
            "https://[2001:db8::1]/",
            "HTTP://EXAMPLE.com",
        ] {
            assert!(check(Some(url), None, None).is_ok(), "{url}");
        }
        let unusual = check(Some("http:\\\\example.com\\a.mp4"), None, None).unwrap();
        assert_eq!(Source::from(unusual), Source::Url { url: "http://example.com/a.mp4".into() });
    }

    #[test]
    fn every_other_address_is_refused() {
        let long = format!("http://example.com/{}", "x".repeat(URL_BYTES_MAX));
        for url in [
            "",
            "/etc/passwd",
            "clip.mp4",
            "//example.com/a",
            "file:///etc/passwd",
            "ftp://h/a",
            "data:,x",
            "http://",
            "http://user@h/",
            "http://:word@h/",
            "http://h/a b",
            " http://h/",
            "http://h/\n",
            "concat:http://h/",
            &long,
        ] {
            assert_eq!(refused(Some(url), None, None), "\"#/url\"", "{url}");
        }
    }

    #[test]
    fn objects_of_our_buckets() {
        assert!(check(None, Some("videos"), Some("a/b.mp4")).is_ok());
        assert_eq!(refused(None, Some("other"), Some("a")), "\"#/bucket\"");
        for key in ["", "../a", "/a", "a//b"] {
            assert_eq!(refused(None, Some("videos"), Some(key)), "\"#/key\"", "{key}");
        }
    }

    #[test]
    fn exactly_one_source() {
        assert_eq!(refused(None, None, None), "\"#\"");
        assert_eq!(refused(None, Some("videos"), None), "\"#/key\"");
        assert_eq!(refused(None, None, Some("a")), "\"#/bucket\"");
        assert_eq!(refused(Some("http://h/"), Some("videos"), Some("a")), "\"#/url\"");
        assert_eq!(refused(Some("http://h/"), None, Some("a")), "\"#/url\"");
    }
}
