//! The arguments and the output of yt-dlp. Pure; running it is `site`'s.

use std::{collections::HashMap, ffi::OsString, path::PathBuf};

use serde::Deserialize;
use url::Url;

use crate::Progress;

/// Transfers that yt-dlp makes itself and through its proxy. All others (rtmp, rtsp, live streams)
/// are made by other programs, which know of no proxy.
macro_rules! over_http {
    () => {
        "[protocol~='^(https?|m3u8_native|http_dash_segments)$']"
    };
}

/// The best picture with the best sound, or else whatever there is.
const FORMATS: &str = concat!(
    "bv*",
    over_http!(),
    "+ba",
    over_http!(),
    "/b",
    over_http!(),
    "/bv*",
    over_http!(),
    "/ba",
    over_http!()
);

const PROGRESS: &str = "download:%(progress.{filename,downloaded_bytes,total_bytes})j";

/// Printed when all is there; the first list is empty unless picture and sound came apart.
const BROUGHT: &str =
    r#"after_move:{"parts":%(requested_formats.:.filepath)j,"whole":%(filepath)j}"#;

/// The arguments that download the video of `url` into the working folder, as files called
/// `source.*`.
///
/// yt-dlp is denied ffmpeg: it would open what the site sent, playlists included, and follow them to
/// other hosts and files. So picture and sound may come as two files.
pub(crate) fn download_args(url: &Url, proxy: &str, socket_timeout_seconds: u64) -> Vec<OsString> {
    let timeout = socket_timeout_seconds.to_string();
    let args = [
        "--no-config",
        "--no-plugin-dirs",
        "--no-cache-dir",
        "--proxy",
        proxy,
        "--ffmpeg-location",
        "/dev/null/ffmpeg",
        "--fixup",
        "never",
        "--no-playlist",
        "--playlist-items",
        "1",
        "--match-filters",
        "!is_live",
        "--socket-timeout",
        &timeout,
        "--retries",
        "0",
        "--extractor-retries",
        "0",
        "--fragment-retries",
        "3",
        "--abort-on-unavailable-fragments",
        "--no-mtime",
        "--color",
        "never",
        "--quiet",
        "--progress",
        "--newline",
        "--progress-template",
        PROGRESS,
        "--no-simulate",
        "--print",
        BROUGHT,
        "--format",
        FORMATS,
        "--output",
        "source.%(ext)s",
        "--",
        url.as_str(),
    ];
    args.into_iter().map(OsString::from).collect()
}

/// The arguments that list every site yt-dlp knows, and `url` under those it is of. Opens no
/// connection.
pub(crate) fn list_args(url: &Url) -> Vec<OsString> {
    let args = ["--no-config", "--no-plugin-dirs", "--list-extractors", "--", url.as_str()];
    args.into_iter().map(OsString::from).collect()
}

/// Whether such a list has an address under a site other than `generic`, which takes any page.
pub(crate) fn is_listed(list: &str) -> bool {
    let mut site = "";
    for line in list.lines() {
        if line.starts_with("  ") {
            if site != "generic" {
                return true;
            }
        } else {
            site = line;
        }
    }
    false
}

/// A line of yt-dlp's output.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Moving(Moving),
    Brought { parts: Vec<PathBuf>, whole: PathBuf },
}

#[derive(Debug, Deserialize)]
struct Moving {
    filename: String,
    /// Missing when the file was there already.
    downloaded_bytes: Option<u64>,
    total_bytes: Option<u64>,
}

/// Reads what yt-dlp prints while it downloads one video.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    moving: HashMap<String, Moving>,
    brought: Vec<OsString>,
}

impl Meter {
    /// Takes a line; returns the progress of all files together when the line reports it.
    pub(crate) fn take(&mut self, line: &str) -> Option<Progress> {
        match serde_json::from_str(line).ok()? {
            Line::Brought { parts, whole } => {
                let paths = if parts.is_empty() { vec![whole] } else { parts };
                let names = paths.iter().filter_map(|path| path.file_name());
                self.brought = names.map(std::ffi::OsStr::to_owned).collect();
                None
            }
            Line::Moving(line) => {
                self.moving.insert(line.filename.clone(), line);
                let files = self.moving.values();
                let done =
                    files.clone().filter_map(|file| file.downloaded_bytes.or(file.total_bytes));
                // The sizes of files to come are not known.
                Some(Progress { done: done.sum(), total: files.map(|file| file.total_bytes).sum() })
            }
        }
    }

    /// The names of the files that make up the video, in the working folder; none before all are
    /// there.
    pub(crate) fn brought(self) -> Vec<OsString> {
        self.brought
    }
}

/// What to tell of what yt-dlp wrote to standard error: its last error, else its last line, without
/// the address and the proxy's password.
pub(crate) fn complaint(stderr: &str, url: &Url, proxy: &str) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty()).rev();
    let line = lines().find(|line| line.starts_with("ERROR:")).or_else(|| lines().next());
    let line = line.unwrap_or("no message").trim_start_matches("ERROR:").trim();
    line.replace(url.as_str(), "the address").replace(proxy, "the proxy")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_address_comes_last_and_after_the_options() {
        let url = "http://a/--exec=x".parse().unwrap();
        for args in [download_args(&url, "http://p", 30), list_args(&url)] {
            assert_eq!(args[args.len() - 2..], ["--", "http://a/--exec=x"]);
        }
    }

    #[test]
    fn a_generic_match_is_no_site() {
        assert!(!is_listed("abc\ngeneric\n  https://a/b\nyoutube\n"));
        assert!(is_listed("abc\ngeneric\n  https://a/b\nyoutube\n  https://a/b\n"));
        assert!(!is_listed(""));
    }

    #[test]
    fn the_files_of_a_video_add_up() {
        let mut meter = Meter::default();
        let mut take =
            |line: &str| meter.take(line).map(|progress| (progress.done, progress.total));
        assert_eq!(take("Extracting"), None);
        let first = r#"{"filename": "a", "downloaded_bytes": 10, "total_bytes": 100}"#;
        assert_eq!(take(first), Some((10, Some(100))));
        assert_eq!(take(r#"{"filename": "b", "downloaded_bytes": 5}"#), Some((15, None)));
        let last = r#"{"filename": "b", "downloaded_bytes": 7, "total_bytes": 7}"#;
        assert_eq!(take(last), Some((17, Some(107))));
        assert_eq!(take(r#"{"filename": "c", "total_bytes": 3}"#), Some((20, Some(110))));
        assert!(meter.brought().is_empty());
    }

    #[test]
    fn what_was_brought_lies_in_the_working_folder() {
        let brought = |line: &str| {
            let mut meter = Meter::default();
            assert_eq!(meter.take(line), None);
            meter.brought()
        };
        assert_eq!(brought(r#"{"parts":[],"whole":"/w/source.mp4"}"#), ["source.mp4"]);
        let apart = r#"{"parts":["source.f1.mp4","../source.f2.m4a"],"whole":"/w/source.mp4"}"#;
        assert_eq!(brought(apart), ["source.f1.mp4", "source.f2.m4a"]);
    }

    #[test]
    fn complaints_keep_secrets() {
        let url = "https://a/b?token=t".parse().unwrap();
        let stderr = "WARNING: x\nERROR: Unsupported URL: https://a/b?token=t\n\nWARNING: y\n";
        assert_eq!(complaint(stderr, &url, "http://p"), "Unsupported URL: the address");
        assert_eq!(complaint("usage:\nbad http://p\n", &url, "http://p"), "bad the proxy");
        assert_eq!(complaint("", &url, "http://p"), "no message");
    }

    proptest! {
        #[test]
        fn hostile_lines_are_progress_or_nothing(
            lines in proptest::collection::vec(
                r#"(\{"(filename|downloaded_bytes|total_bytes|parts|whole)": ?("[./a]{0,9}"|-?[0-9]{0,22}|null|\[\]) ?[,}]?){0,4}\}?"#, 0..9),
        ) {
            let mut meter = Meter::default();
            for line in lines {
                let _ = meter.take(&line);
            }
            let name = |name: &std::ffi::OsString| std::path::Path::new(name).components().count() == 1;
            prop_assert!(meter.brought().iter().all(name));
        }
    }
}
