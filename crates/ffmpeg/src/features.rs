//! Whether an ffmpeg has everything that is needed here.

use std::time::Duration;

use crate::{Error, Tools};

/// Longest wait for a list; none takes a second.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Encoders that argument lists name.
const ENCODERS: [&str; 6] = ["aac", "ass", "flac", "libx264", "mjpeg", "png"];
/// Filters that argument lists name, but for those no build of ffmpeg lacks.
const FILTERS: [&str; 12] = [
    "acompressor",
    "alimiter",
    "ass",
    "bbox",
    "bwdif",
    "ebur128",
    "fps",
    "overlay",
    "tile",
    "tonemap",
    "tpad",
    "zscale",
];

/// What an ffmpeg is and what it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// The first line of `ffmpeg -version`.
    pub version: String,
    /// Encoders and filters that are not there, as `encoder libx264`.
    pub missing: Vec<String>,
}

/// Asks ffmpeg what it is. Changes nothing.
pub async fn features(tools: &Tools) -> Result<Features, Error> {
    let version = list(tools, "-version").await?.lines().next().unwrap_or_default().to_owned();
    let encoders = list(tools, "-encoders").await?;
    let filters = list(tools, "-filters").await?;
    let lacks = |kind: &str, wanted: &[&str], list: &str| {
        let absent = wanted.iter().filter(|name| !names(list, name));
        absent.map(|name| format!("{kind} {name}")).collect::<Vec<_>>()
    };
    let missing =
        [lacks("encoder", &ENCODERS, &encoders), lacks("filter", &FILTERS, &filters)].concat();
    Ok(Features { version, missing })
}

/// The first line of `ffprobe -version`.
pub async fn ffprobe_version(tools: &Tools) -> Result<String, Error> {
    let command = tools.contained(&tools.ffprobe).args(["-version"]);
    let output = command.output(TIMEOUT).await?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

async fn list(tools: &Tools, flag: &str) -> Result<String, Error> {
    let command = tools.ours().args(["-hide_banner", flag]);
    let output = command.output(TIMEOUT).await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Lists have flags, name and description on each line.
fn names(list: &str, name: &str) -> bool {
    list.lines().any(|line| line.split_whitespace().nth(1) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_their_column() {
        let list =
            " V....D libx264              libx264 H.264\n T.. tile              V->V       Tile\n";
        assert!(names(list, "libx264") && names(list, "tile"));
        assert!(!names(list, "H.264") && !names(list, "til"));
    }
}
