//! Where ffmpeg and ffprobe are, and what their decoders may be given.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use media::bounds::PIXELS_MAX;

use crate::Command;

/// The two programs. Whoever starts the process decides where they are; nothing is searched here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// `ffmpeg`, looked up in PATH unless it holds a slash.
    pub ffmpeg: PathBuf,
    /// `ffprobe`, looked up in PATH unless it holds a slash.
    pub ffprobe: PathBuf,
    /// Most pixels of a picture that decoders take, whatever the container said of its size.
    pub max_pixels: u64,
}

impl Tools {
    /// ffmpeg, with the limit on its first input: the one that comes from outside.
    pub(crate) fn ffmpeg(&self) -> Command {
        self.limited(Command::new(&self.ffmpeg))
    }

    /// ffprobe, which opens a decoder for every track, with the limit.
    pub(crate) fn ffprobe(&self) -> Command {
        self.limited(Command::new(&self.ffprobe))
    }

    /// Decoders count the coded size, whose sides are padded to blocks of up to 128 pixels: a quarter
    /// more covers that from 512 pixels a side on, and the constant below it.
    fn limited(&self, command: Command) -> Command {
        let padded = self.max_pixels.saturating_add(self.max_pixels / 4).saturating_add(1 << 18);
        command.args(["-max_pixels".to_owned(), padded.to_string()])
    }
}

impl Default for Tools {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into(), max_pixels: PIXELS_MAX }
    }
}

impl Tools {
    /// The first of the programs that is not there; one without a slash is looked for in PATH.
    pub fn missing(&self) -> Option<&Path> {
        [&self.ffmpeg, &self.ffprobe]
            .into_iter()
            .find(|program| !is_there(program))
            .map(PathBuf::as_path)
    }
}

fn is_there(program: &Path) -> bool {
    let runs = |path: &Path| {
        fs_err::metadata(path).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
    };
    if program.components().count() > 1 {
        return runs(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| runs(&dir.join(program)))
}
