//! Which sources a request may name. A file of this machine is not among them, and neither is what
//! somebody else has sent.

use std::sync::Arc;

use contract::{Source, Status, UploadId};
use storage::{Bucket, Object};
use url::Url;

use super::stored;
use crate::{
    Api,
    caller::Caller,
    problem::{FieldError, Problem},
    uploads::{self, Standing},
};

/// Longest source address accepted.
const URL_BYTES_MAX: usize = 4096;

/// The fields that can name a source.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) url: Option<String>,
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
    pub(super) upload_id: Option<String>,
}

/// A source that obeys every rule that can be checked without asking anybody.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Url(Url),
    Object(Object),
    Upload(UploadId),
}

/// A source that is there, or on its way.
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) upload: Option<UploadId>,
    /// Where a video made from it begins.
    pub(super) status: Status,
}

/// Checks that exactly one source is named, and that it may be.
pub(super) fn check(named: &Named) -> Result<Checked, FieldError> {
    let refuse = |path: &str, reason: &str| Err(FieldError::body(path, reason));
    let Named { url, bucket, key, upload_id } = named;
    match (url, upload_id, bucket, key) {
        (Some(url), None, None, None) => check_url("url", url).map(Checked::Url),
        (None, Some(id), None, None) => match id.parse() {
            Ok(id) => Ok(Checked::Upload(id)),
            Err(_) => refuse("upload_id", "no upload has this id"),
        },
        (None, None, Some(bucket), Some(key)) => check_object(bucket, key).map(Checked::Object),
        (None, None, None, None) => refuse("", "give `url`, `upload_id`, or `bucket` and `key`"),
        (None, None, Some(_), None) => refuse("key", "goes together with `bucket`"),
        (None, None, None, Some(_)) => refuse("bucket", "goes together with `key`"),
        (Some(_), ..) => {
            refuse("url", "give either `url`, or `upload_id`, or `bucket` and `key`, not both")
        }
        (None, Some(_), ..) => {
            refuse("upload_id", "give either `upload_id`, or `bucket` and `key`, not both")
        }
    }
}

/// Looks whether a source is there, as far as that can be known at once.
pub(super) async fn find(
    api: &Arc<Api>,
    caller: &Caller,
    checked: Checked,
) -> Result<Found, Problem> {
    let refuse = |path: &str, reason: &str| Problem::invalid(vec![FieldError::body(path, reason)]);
    let found = |source| Found { source, upload: None, status: Status::Uploaded };
    match checked {
        Checked::Url(url) => Ok(found(Source::Url { url: url.into() })),
        Checked::Object(object) => {
            if !stored::is_open(api, caller, &object).await?
                || api.store.head(&object).await?.is_none()
            {
                return Err(refuse("key", &format!("{object} does not exist")));
            }
            let (bucket, key) = (object.bucket().to_string(), object.key().to_owned());
            Ok(found(Source::Object { bucket, key }))
        }
        Checked::Upload(id) => {
            let upload = api.upload_of(caller, id).await?;
            let upload = upload.ok_or_else(|| refuse("upload_id", "no upload has this id"))?;
            let status = match uploads::soon(api, &upload).await? {
                Standing::Finished => Status::Uploaded,
                Standing::Arriving { .. } | Standing::Gone => Status::Uploading,
            };
            let source = Source::Upload { upload: id, file_name: upload.file_name };
            Ok(Found { source, upload: Some(id), status })
        }
    }
}

/// Checks the address in a field. The parsed form is what is kept, so that everything that reads it
/// later reads the same.
pub(crate) fn check_url(field: &str, text: &str) -> Result<Url, FieldError> {
    let refuse = |reason: &str| Err(FieldError::body(field, reason));
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
    let bucket = Bucket::named(bucket).map_err(|_| {
        let known = Bucket::NAMED.map(Bucket::as_str).join("`, `");
        FieldError::body("bucket", &format!("must be one of `{known}`"))
    })?;
    Object::new(bucket, key).map_err(|error| FieldError::body("key", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(url: Option<&str>, bucket: Option<&str>, key: Option<&str>) -> Named {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Named { url: owned(url), bucket: owned(bucket), key: owned(key), upload_id: None }
    }

    fn pointer(named: &Named) -> String {
        serde_json::to_value(check(named).unwrap_err()).unwrap()["pointer"].to_string()
    }

    fn refused(url: Option<&str>, bucket: Option<&str>, key: Option<&str>) -> String {
        pointer(&named(url, bucket, key))
    }

    #[test]
    fn addresses_that_name_a_host_over_http() {
        for url in [
            "http://example.com/",
            "https://example.com:8443/a%20b.mp4?x=1#t",
            "https://[2001:db8::1]/",
            "HTTP://EXAMPLE.com",
        ] {
            assert!(check(&named(Some(url), None, None)).is_ok(), "{url}");
        }
        let unusual = check(&named(Some("http:\\\\example.com\\a.mp4"), None, None)).unwrap();
        assert_eq!(unusual, Checked::Url("http://example.com/a.mp4".parse().unwrap()));
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
        assert!(check(&named(None, Some("videos"), Some("a/b.mp4"))).is_ok());
        // What somebody has sent has no other name than its upload.
        assert_eq!(refused(None, Some("uploads"), Some("a")), "\"#/bucket\"");
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
        let id = "0192f000-0000-7000-8000-000000000001";
        let with =
            |url, key, id: &str| Named { upload_id: Some(id.to_owned()), ..named(url, None, key) };
        assert_eq!(check(&with(None, None, id)).unwrap(), Checked::Upload(id.parse().unwrap()));
        assert_eq!(pointer(&with(None, None, "../a")), "\"#/upload_id\"");
        assert_eq!(pointer(&with(None, Some("a"), id)), "\"#/upload_id\"");
        assert_eq!(pointer(&with(Some("http://h/"), None, id)), "\"#/url\"");
    }
}
