//! Where an object lives: its bucket and its key, and which keys are allowed.
//!
//! Owns the key rules, the same for both stores, so that what works in a folder works on S3.
//! Does not own the layout of a video's objects, nor the names buckets have on a given S3.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The longest key, in bytes: the limit of S3.
pub const MAX_KEY_BYTES: usize = 1024;

/// The longest segment of a key, in bytes: a file name of 255 bytes less the staging suffix.
const MAX_SEGMENT_BYTES: usize = 240;

/// A top-level division of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Sources, outputs, chapters and work files of videos.
    Videos,
    /// Still pictures.
    Thumbnails,
    /// Well-formed intermediates.
    Mezzanine,
    /// Uploaded files.
    Uploads,
    /// Finished videos under names their owners chose; all of it is for players.
    Published,
}

impl Bucket {
    /// Every bucket, in the order of the enum.
    pub const ALL: [Self; 5] =
        [Self::Videos, Self::Thumbnails, Self::Mezzanine, Self::Uploads, Self::Published];

    /// The buckets that users may name. What a user has sent is named by its upload alone, which
    /// is nobody else's.
    pub const NAMED: [Self; 3] = [Self::Videos, Self::Thumbnails, Self::Mezzanine];

    /// Finds a bucket that users may name.
    pub fn named(name: &str) -> Result<Self, Error> {
        let bucket = name.parse()?;
        if Self::NAMED.contains(&bucket) {
            return Ok(bucket);
        }
        Err(Error::UnknownBucket { name: name.to_owned() })
    }

    /// Returns the name of the bucket: a folder name, and the end of its name on S3.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Videos => "videos",
            Self::Thumbnails => "thumbnails",
            Self::Mezzanine => "mezzanine",
            Self::Uploads => "uploads",
            Self::Published => "published",
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Bucket {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|bucket| bucket.as_str() == name)
            .ok_or_else(|| Error::UnknownBucket { name: name.to_owned() })
    }
}

/// The place of one object: a bucket and a key that obeys the key rules.
///
/// A key is 1 to [`MAX_KEY_BYTES`] bytes of `/`-separated segments, each non-empty, at most 240
/// bytes, not `.` or `..`, without control characters; the last one does not end in `#` and
/// digits, which is how half-written files are named in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    bucket: Bucket,
    key: String,
}

impl Object {
    /// Checks the key; fails with [`Error::InvalidKey`] naming the rule it breaks.
    pub fn new(bucket: Bucket, key: impl Into<String>) -> Result<Self, Error> {
        let key = key.into();
        check_key(&key)?;
        Ok(Self { bucket, key })
    }

    /// Returns the bucket.
    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    /// Returns the key, without the bucket.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

/// Reads `bucket/key`, as it is displayed.
impl FromStr for Object {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (bucket, key) = text.split_once('/').unwrap_or((text, ""));
        Self::new(bucket.parse()?, key)
    }
}

/// What a listing or a look-up returns about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key, without the bucket.
    pub key: String,
    /// The size.
    pub bytes: u64,
    /// Changes whenever the content does; quoted as in HTTP. Not comparable between stores.
    pub etag: Option<String>,
}

/// Checks a listing prefix and takes its optional trailing `/` off; the empty prefix is the
/// whole bucket.
pub(crate) fn check_prefix(prefix: &str) -> Result<&str, Error> {
    let trimmed = prefix.strip_suffix('/').unwrap_or(prefix);
    if !prefix.is_empty() {
        check_key(trimmed)?;
    }
    Ok(trimmed)
}

pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    match broken_rule(key) {
        None => Ok(()),
        Some(rule) => Err(Error::InvalidKey { key: key.to_owned(), rule }),
    }
}

fn broken_rule(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        return Some("it is empty");
    }
    if key.len() > MAX_KEY_BYTES {
        return Some("it is longer than 1024 bytes");
    }
    if key.chars().any(char::is_control) {
        return Some("it holds a control character");
    }
    for segment in key.split('/') {
        match segment {
            "" => return Some("it has an empty segment"),
            "." | ".." => return Some("it has a relative segment"),
            long if long.len() > MAX_SEGMENT_BYTES => {
                return Some("a segment is longer than 240 bytes");
            }
            _ => {}
        }
    }
    let staged = key.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    staged.then_some("it ends in # and digits, the mark of a half-written file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_leave_their_place_are_refused() {
        let long = "x/".repeat(512) + "y";
        let wide = "x".repeat(241);
        for key in [
            "", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "a/./b", "a\0b", "a\nb",
            "a\u{85}b", "a#12", "a/b#1", &long, &wide,
        ] {
            let refused = Object::new(Bucket::Videos, key);
            assert!(matches!(refused, Err(Error::InvalidKey { .. })), "{key:?} was accepted");
        }
    }

    #[test]
    fn unusual_but_harmless_keys_are_accepted() {
        let longest = "x/".repeat(511) + "yy";
        for key in
            ["a", "a/b.c", "...", "a/..b", "ü/日本 +%2F", "a#b", "a#", "#1/b", "a\\b", &longest]
        {
            Object::new(Bucket::Videos, key).unwrap();
        }
    }

    #[test]
    fn an_object_is_its_text() {
        let object = Object::new(Bucket::Videos, "a/b/c.mp4").unwrap();
        assert_eq!(object.to_string().parse::<Object>().unwrap(), object);
        for text in ["", "videos", "videos/", "other/a", "videos/../a"] {
            assert!(text.parse::<Object>().is_err(), "{text}");
        }
    }

    #[test]
    fn bucket_names_round_trip() {
        for bucket in Bucket::ALL {
            assert_eq!(bucket.as_str().parse::<Bucket>().unwrap(), bucket);
        }
        assert!(matches!("Videos".parse::<Bucket>(), Err(Error::UnknownBucket { .. })));
    }
}
