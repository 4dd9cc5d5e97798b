//! Reads the headers of a tus client. Every refusal names the header and what to send.

use axum::http::{HeaderMap, HeaderName, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{self, Algorithm, Context};

use super::{Refusal, tus};
use crate::problem::Problem;

/// Media type of the bytes of a file.
const OFFSET_STREAM: &str = "application/offset+octet-stream";
/// Longest `Upload-Metadata`.
const METADATA_BYTES_MAX: usize = 4096;
/// Longest name of a file.
pub(super) const FILE_NAME_BYTES_MAX: usize = 255;
/// Checksums we can check, by their names in tus.
const CHECKSUMS: [(&str, &Algorithm); 3] = [
    ("sha1", &digest::SHA1_FOR_LEGACY_USE_ONLY),
    ("sha256", &digest::SHA256),
    ("sha512", &digest::SHA512),
];

/// The checksum that a piece must have.
#[derive(Debug)]
pub(super) struct Checksum {
    algorithm: &'static Algorithm,
    digest: Vec<u8>,
}

impl Checksum {
    /// Begins the checksum of a piece.
    pub(super) fn begin(&self) -> Context {
        Context::new(self.algorithm)
    }

    /// True when the checksum is the declared one.
    pub(super) fn is_met(&self, sum: Context) -> bool {
        sum.finish().as_ref() == self.digest
    }
}

/// The names of the checksums we can check.
pub(super) fn checksums() -> String {
    CHECKSUMS.map(|(name, _)| name).join(",")
}

/// A header that is a number.
pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Problem> {
    let text = text(headers, name)?.ok_or_else(|| wrong(name, "is missing"))?;
    // `parse` alone would let a sign pass.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = text.parse().ok().filter(|_| digits);
    parsed.ok_or_else(|| wrong(name, "must be a whole number of bytes"))
}

/// `Upload-Metadata`, and the file name in it.
pub(super) fn metadata(headers: &HeaderMap) -> Result<(Option<String>, String), Problem> {
    let Some(text) = text(headers, &tus::METADATA)?.filter(|text| !text.is_empty()) else {
        return Ok((None, String::new()));
    };
    if text.len() > METADATA_BYTES_MAX {
        return Err(wrong(&tus::METADATA, &format!("has more than {METADATA_BYTES_MAX} bytes")));
    }
    let pair = || wrong(&tus::METADATA, "must be `key base64,key base64,…`");
    let mut file_name = String::new();
    for entry in text.split(',') {
        let (key, value) = entry.trim().split_once(' ').unwrap_or((entry.trim(), ""));
        let value = STANDARD.decode(value.trim()).map_err(|_| pair())?;
        if key.is_empty() {
            return Err(pair());
        }
        if key == "filename" || (key == "name" && file_name.is_empty()) {
            file_name = String::from_utf8_lossy(&value).into_owned();
        }
    }
    Ok((Some(text.to_owned()), plain_name(&file_name)))
}

/// A file name without folders and control characters, and not too long.
pub(super) fn plain_name(text: &str) -> String {
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = name.chars().filter(|c| !c.is_control()).collect();
    while name.len() > FILE_NAME_BYTES_MAX {
        // The end says what kind of file it is.
        name.remove(0);
    }
    name
}

/// `Upload-Checksum`, where there is one.
pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Problem> {
    let Some(text) = text(headers, &tus::CHECKSUM)? else { return Ok(None) };
    let (name, digest) = text.split_once(' ').unwrap_or((text, ""));
    let known = CHECKSUMS.into_iter().find(|(known, _)| *known == name);
    let Some((_, algorithm)) = known else {
        let reason = format!("must name one of `{}`", checksums());
        return Err(wrong(&tus::CHECKSUM, &reason));
    };
    let digest = STANDARD.decode(digest.trim()).ok();
    match digest.filter(|digest| digest.len() == algorithm.output_len()) {
        Some(digest) => Ok(Some(Checksum { algorithm, digest })),
        None => Err(wrong(&tus::CHECKSUM, "must end in the digest, in base64")),
    }
}

/// True when the body is bytes of the file.
pub(super) fn carries_bytes(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value == OFFSET_STREAM)
}

/// Refuses a body of another media type than a file's bytes.
pub(super) fn require_bytes(headers: &HeaderMap) -> Result<(), Problem> {
    if carries_bytes(headers) {
        return Ok(());
    }
    Err(Refusal::MediaType.because(format!("send the bytes as `Content-Type: {OFFSET_STREAM}`")))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let value = headers.get(name).map(|value| value.to_str());
    value.transpose().map_err(|_| wrong(name, "must be visible ASCII characters"))
}

fn wrong(name: &HeaderName, reason: &str) -> Problem {
    Refusal::Header.because(format!("`{name}` {reason}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use proptest::prelude::*;

    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn numbers_are_digits() {
        let read = |text| number(&with(tus::LENGTH, text), &tus::LENGTH).ok();
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1.0", "1 ", "0x1", "18446744073709551616"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert!(number(&HeaderMap::new(), &tus::LENGTH).is_err());
    }

    #[test]
    fn the_file_name_is_found_in_the_metadata() {
        let name = |text: &str| metadata(&with(tus::METADATA, text)).map(|found| found.1).ok();
        assert_eq!(name("is_confidential,filename d29ybGQubXA0").as_deref(), Some("world.mp4"));
        assert_eq!(name("name d29ybGQubXA0, filetype dmlkZW8=").as_deref(), Some("world.mp4"));
        assert_eq!(name("filename Li4vLi4vZXRjL3Bhc3N3ZA==").as_deref(), Some("passwd"));
        assert_eq!(name("filetype dmlkZW8=").as_deref(), Some(""));
        for text in ["filename ~", "a,,b", "filename d29ybGQ=,"] {
            assert_eq!(name(text), None, "{text:?}");
        }
        assert_eq!(name(&"a".repeat(METADATA_BYTES_MAX + 1)), None);
        assert_eq!(metadata(&HeaderMap::new()).unwrap(), (None, String::new()));
    }

    #[test]
    fn names_are_plain_and_keep_their_end() {
        assert_eq!(plain_name("C:\\a\\b\u{0}\n.mov"), "b.mov");
        let long = plain_name(&format!("{}é.mp4", "x".repeat(300)));
        assert!(long.len() <= FILE_NAME_BYTES_MAX && long.ends_with("xé.mp4"), "{long}");
    }

    #[test]
    fn checksums_are_checked() {
        let read = |text| checksum(&with(tus::CHECKSUM, text));
        let sum = read("sha1 Lve95gjOVATpfV8EL5X4nxwjKHE=").unwrap().unwrap();
        let mut right = sum.begin();
        right.update(b"Hello World!");
        assert!(sum.is_met(right));
        assert!(!sum.is_met(sum.begin()));
        for text in ["md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha1", "sha1 ~", "sha256 Lve95gjO", ""] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(checksum(&HeaderMap::new()).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn hostile_headers_are_read_or_refused(
            metadata in r"((filename|a|b)? ?[A-Za-z0-9+/=]{0,24},?){0,6}",
            length in r"-?[0-9]{0,24}|\+1|0x1| 1",
            sum in r"(sha1|md5|sha256|crc32|) [A-Za-z0-9+/=]{0,44}",
        ) {
            let mut given = HeaderMap::new();
            for (name, value) in
                [("upload-metadata", &metadata), ("upload-length", &length), ("upload-checksum", &sum)]
            {
                if let Ok(value) = value.parse() {
                    given.insert(name, value);
                }
            }
            if let Ok((_, name)) = super::metadata(&given) {
                prop_assert!(name.len() <= FILE_NAME_BYTES_MAX, "{name:?}");
                prop_assert!(!name.contains(['/', '\\', '\0']), "{name:?}");
            }
            if let Ok(number) = number(&given, &HeaderName::from_static("upload-length")) {
                prop_assert_eq!(length.trim().parse::<u64>().ok(), Some(number));
            }
            let _ = checksum(&given);
        }
    }
}
