//! What one child may access and use, as plain data.

use std::path::PathBuf;

use crate::Layers;

/// What one child may access and use, besides the system's libraries and its own program.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The layers that hold it; what is not there is not enforced.
    pub layers: Layers,
    /// Files, and folders with all that is in them, that may be read.
    pub read: Vec<PathBuf>,
    /// Folders in which regular files and folders may be made, read, changed and removed, but neither
    /// links nor devices, and from which nothing may be executed. Temporary files go to the first.
    pub write: Vec<PathBuf>,
    /// What it may connect to.
    pub network: Network,
    /// What it may start.
    pub processes: Processes,
    /// What hardware it may use.
    pub devices: Devices,
    /// How much it may use.
    pub limits: Limits,
}

/// What a child may connect to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing: it gets no socket at all.
    #[default]
    None,
    /// TCP over IPv4, to this port only where Landlock has rules for the network (ABI 4).
    Port(u16),
}

/// What a child may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processes {
    /// Threads of its own. A program that is a script may start others all the same: it is a wrapper
    /// that the operator put there.
    #[default]
    Threads,
    /// Other programs, from where programs are installed.
    Programs,
}

/// What hardware a child may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Devices {
    /// None.
    #[default]
    None,
    /// Graphics cards, for their encoders, with the shared memory that their drivers use.
    Graphics,
}

/// How much a child may use. Every limit holds for one process; `None` leaves what it inherits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of private writable memory (`RLIMIT_DATA`): what it allocates, stacks of threads
    /// included, but neither libraries nor addresses that are only reserved.
    pub memory: Option<u64>,
    /// Bytes of addresses (`RLIMIT_AS`), which bounds shared memory too. Well above `memory`.
    pub addresses: Option<u64>,
    /// Seconds of processor time, of all threads together (`RLIMIT_CPU`).
    pub cpu_seconds: Option<u64>,
    /// Bytes of any file it writes (`RLIMIT_FSIZE`).
    pub file_bytes: Option<u64>,
    /// Open files (`RLIMIT_NOFILE`).
    pub open_files: Option<u64>,
    /// Processes and threads of the same user in all (`RLIMIT_NPROC`); the kernel asks nothing of root.
    pub processes: Option<u64>,
}
