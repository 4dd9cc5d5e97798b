//! Where ffmpeg and ffprobe are.

use std::path::PathBuf;

/// The two programs. Whoever starts the process decides where they are; nothing is searched here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// `ffmpeg`, looked up in PATH unless it holds a slash.
    pub ffmpeg: PathBuf,
    /// `ffprobe`, looked up in PATH unless it holds a slash.
    pub ffprobe: PathBuf,
}

impl Default for Tools {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into() }
    }
}
