//! Joins the video and the audio that yt-dlp downloads as two files, without encoding.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ffmpeg::{
    Tools,
    input::{Input, input_args},
};

use crate::Error;

/// Copying is bound by the disk; this is far above it.
const TIMEOUT: Duration = Duration::from_hours(1);

/// Writes all streams of `parts` into `{stem}.mp4` or, when they come from other containers,
/// `{stem}.mkv`; replaces it.
pub(crate) async fn merge(
    tools: &Tools,
    parts: &[PathBuf],
    stem: &Path,
    bytes_limit: u64,
) -> Result<PathBuf, Error> {
    let is_mp4 = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "mp4" || ext == "m4a");
    let merged = stem.with_extension(if parts.iter().all(is_mp4) { "mp4" } else { "mkv" });
    let mut command = tools.ours().args(["-nostdin", "-v", "error", "-y"]);
    // Each input would be moved to start at zero on its own, and sound leave its picture.
    command = command.arg("-copyts");
    for part in parts {
        command = command.args(input_args(&Input::Path(part.clone())));
    }
    for index in 0..parts.len() {
        command = command.arg("-map").arg(index.to_string());
    }
    command = command.args(["-c", "copy", "-avoid_negative_ts", "make_zero"]);
    let mut name = std::ffi::OsString::from("file:");
    name.push(&merged);
    let output = command.arg(name).file_size_limit(bytes_limit).output(TIMEOUT).await;
    let output = output.map_err(|error| match error {
        ffmpeg::Error::ToolMissing { program } => Error::ToolMissing {
            program,
            hint: "install ffmpeg, which joins the picture and the sound of this page",
        },
        source => Error::Tool { tool: "ffmpeg", source },
    })?;
    if output.status.success() {
        return Ok(merged);
    }
    if ffmpeg::was_killed(output.status) {
        return Err(Error::ToolKilled { tool: "ffmpeg" });
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let detail = stderr.lines().last().map_or(output.status.to_string(), str::to_owned);
    Err(Error::ToolFailed { tool: "ffmpeg", detail })
}
