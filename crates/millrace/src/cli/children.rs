//! Flags of what ffmpeg, ffprobe and yt-dlp may reach and use.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How child processes are contained.
#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    /// What holds ffmpeg, ffprobe and yt-dlp: `full` is all that the kernel has, `limits` no more than
    /// limits and a clean environment, `off` nothing.
    #[arg(long, env = "MILLRACE_CONTAINMENT", value_enum, default_value = "full")]
    pub(crate) containment: Containment,
    /// Files and folders that they may read beside the system's: libraries and fonts kept elsewhere.
    #[arg(
        id = "children_read",
        long = "children-read",
        env = "MILLRACE_CHILDREN_READ",
        value_delimiter = ','
    )]
    pub(crate) read: Vec<PathBuf>,
    /// Most memory of one ffmpeg or ffprobe, in MiB; by default what pictures of `--max-pixels` need.
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
