//! Flags for what ffmpeg, ffprobe and yt-dlp may access and use.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How child processes are contained.
#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    /// How ffmpeg, ffprobe and yt-dlp are confined: `full` uses everything that the kernel offers,
    /// `limits`
    /// only limits and a clean environment, `off` nothing.
    #[arg(long, env = "MILLRACE_CONTAINMENT", value_enum, default_value = "full")]
    pub(crate) containment: Containment,
    /// Files and folders that they may read besides the system's: libraries and fonts kept
    /// elsewhere.
    #[arg(
        id = "children_read",
        long = "children-read",
        env = "MILLRACE_CHILDREN_READ",
        value_delimiter = ','
    )]
    pub(crate) read: Vec<PathBuf>,
    /// Memory limit of one ffmpeg or ffprobe, in MiB; by default what pictures of `--max-pixels`
    /// need.
    #[arg(id = "child_memory_mib", long = "child-memory-mib", env = "MILLRACE_CHILD_MEMORY_MIB",
        value_parser = clap::value_parser!(u64).range(64..=1 << 24))]
    pub(crate) memory_mib: Option<u64>,
}

/// As [`contain::Containment`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Containment {
    Full,
    Limits,
    Off,
}

impl From<Containment> for contain::Containment {
    fn from(containment: Containment) -> Self {
        match containment {
            Containment::Full => Self::Full,
            Containment::Limits => Self::Limits,
            Containment::Off => Self::Off,
        }
    }
}
