//! Which media type an object is served as, and how long caches may keep it, by the extension of its
//! key.
//!
//! Owns the types players depend on; leaves every other extension to `mime_guess`.

/// Names of segments carry the attempt that made them, so their content never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Everything else may be replaced by a later attempt.
const SHORTLY: &str = "public, max-age=10";

/// Returns the media type of an object from its key; `application/octet-stream` when unknown.
///
/// The types HLS players insist on are fixed here, because guess tables disagree on them.
pub fn content_type(key: &str) -> &'static str {
    let file = key.rsplit('/').next().unwrap_or(key);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "m4s" => "video/iso.segment",
        "mp4" | "m4v" => "video/mp4",
        "m4a" => "audio/mp4",
        "ts" => "video/mp2t",
        "vtt" => "text/vtt",
        "json" => "application/json",
        "jpg" | "jpeg" => "image/jpeg",
        _ => mime_guess::from_path(file).first_raw().unwrap_or("application/octet-stream"),
    }
}

/// Returns the value of `Cache-Control` that an object is served with.
pub fn cache_control(key: &str) -> &'static str {
    if content_type(key) == "video/iso.segment" { FOR_EVER } else { SHORTLY }
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn the_types_players_depend_on() {
        for (key, expected) in [
            ("a/outputs/master.m3u8", "application/vnd.apple.mpegurl"),
            ("a/outputs/720p/seg-00001.m4s", "video/iso.segment"),
            ("a/outputs/720p/init.mp4", "video/mp4"),
            ("a/chapters/chapters.vtt", "text/vtt"),
            ("a/chapters/chapters.json", "application/json"),
            ("a/thumbnail.JPG", "image/jpeg"),
            ("a/sprite.webp", "image/webp"),
            ("a/source/original.mkv", "video/x-matroska"),
            ("a.mp4/no-extension", "application/octet-stream"),
            ("a/strange.qqq", "application/octet-stream"),
        ] {
            assert_eq!(content_type(key), expected, "{key}");
        }
    }
}
