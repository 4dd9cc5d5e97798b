//! Where ffmpeg and ffprobe are, what their decoders may be given, and how they are contained.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use contain::{Containment, Layers, Limits, Policy};
use media::bounds::PIXELS_MAX;

use crate::Command;

/// Open files of one child: far more than a run has inputs, outputs and libraries.
const OPEN_FILES: u64 = 256;
/// Address space besides private memory: libraries, and what is reserved for allocating.
const ADDRESSES: u64 = 8 << 30;
/// Private memory of a run besides its pictures: code, threads and the index of a long file.
const MEMORY_BASE: u64 = 2 << 30;
/// Bytes of a pixel in memory, at most: 4:4:4 with more than eight bits.
const PIXEL: u64 = 6;
/// Pictures of a source's size that a run holds: those that decoders refer to and are ahead with, those
/// that filters and encoders look ahead at, in all renditions together.
const PICTURES: u64 = 64;

/// The two programs. The operator decides where they are; nothing is searched here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// `ffmpeg`, looked up in PATH unless it holds a slash.
    pub ffmpeg: PathBuf,
    /// `ffprobe`, looked up in PATH unless it holds a slash.
    pub ffprobe: PathBuf,
    /// Most pixels of a picture that decoders take, whatever the container said of its size.
    pub max_pixels: u64,
    /// The containment of both.
    pub containment: Containment,
    /// Files and folders that both may read beside what they are given: libraries and fonts that lie
    /// where no system keeps them.
    pub readable: Vec<PathBuf>,
    /// Free bytes of the disk that a run writes to, below which it is stopped.
    pub disk_free_min: u64,
    /// Most private memory of one run, in bytes; by the pixels of a picture where it is not given.
    pub memory: Option<u64>,
}

impl Tools {
    /// ffmpeg, with the limit on its first input: the one that comes from outside.
    pub(crate) fn ffmpeg(&self) -> Command {
        self.limited(self.ours())
    }

    /// ffprobe, which opens a decoder for every track, with the limit.
    pub(crate) fn ffprobe(&self) -> Command {
        self.limited(self.contained(&self.ffprobe))
    }

    /// ffmpeg for what is no source: it may open what its arguments name, and use no more memory than
    /// another run.
    pub fn ours(&self) -> Command {
        self.contained(&self.ffmpeg)
    }

    /// One of the programs, which may open what its arguments name.
    pub(crate) fn contained(&self, program: &Path) -> Command {
        let policy = Policy {
            layers: Layers::wanted(self.containment),
            read: self.readable.clone(),
            limits: Limits {
                memory: Some(self.memory()),
                addresses: Some(self.memory().saturating_add(ADDRESSES)),
                open_files: Some(OPEN_FILES),
                ..Limits::default()
            },
            ..Policy::default()
        };
        Command::new(program).contained_by_arguments(policy).disk_free_min(self.disk_free_min)
    }

    /// Private memory of one run, in bytes.
    fn memory(&self) -> u64 {
        let pictures = self.max_pixels.saturating_mul(PIXEL * PICTURES);
        self.memory.unwrap_or(MEMORY_BASE.saturating_add(pictures))
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
        Self {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            max_pixels: PIXELS_MAX,
            containment: Containment::default(),
            readable: Vec::new(),
            disk_free_min: 0,
            memory: None,
        }
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
