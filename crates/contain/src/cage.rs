//! What is built from a policy before the fork, and entered after it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use seccompiler::BpfProgram;

use crate::installation::{self, Form};
use crate::{Limits, Policy, Processes, filter, rules};

/// Seconds between the signal that says that processor time is used up and the kill.
const CPU_GRACE: u64 = 2;

/// Everything that holds one child, ready to be entered.
#[derive(Debug)]
pub struct Cage {
    program: PathBuf,
    rules: Option<OwnedFd>,
    filters: &'static [BpfProgram],
    limits: Option<Limits>,
}

impl Cage {
    /// Prepares a child that runs `program`, which is looked up in PATH unless it holds a slash. An
    /// error of kind `NotFound` says that there is none.
    pub fn build(policy: &Policy, program: &OsStr) -> io::Result<Self> {
        let found = installation::find(program).ok_or(io::ErrorKind::NotFound)?;
        let starts = policy.processes == Processes::Programs || found.form == Form::Script;
        // A program of another kind numbers its calls differently, and every one would be refused.
        let filtered = policy.layers.seccomp && found.form != Form::Foreign;
        let filters = filtered.then(|| filter::programs(policy.network, starts)).flatten();
        Ok(Self {
            program: found.program.clone(),
            rules: rules::ruleset(policy, &found.parts)?,
            filters: filters.unwrap_or_default(),
            limits: policy.layers.limits.then_some(policy.limits),
        })
    }

    /// The program's file.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Holds the calling process, and all that it will start, to the policy forever.
    ///
    /// Makes system calls only: it neither allocates nor takes a lock, so that it may be called
    /// between fork and exec.
    pub fn enter(&self) -> io::Result<()> {
        if let Some(limits) = &self.limits {
            drop_capabilities();
            limit(limits)?;
        }
        close_on_exec();
        default_signals();
        if let Some(rules) = &self.rules {
            rules::open_own_proc(rules);
            rules::restrict_self(rules)?;
        }
        self.filters.iter().try_for_each(filter::apply)
    }
}

/// Sets limits, none above what this process has itself.
fn limit(limits: &Limits) -> io::Result<()> {
    let all = [
        (Resource::RLIMIT_CORE, Some(0), 0),
        (Resource::RLIMIT_DATA, limits.memory, 0),
        (Resource::RLIMIT_AS, limits.addresses, 0),
        (Resource::RLIMIT_CPU, limits.cpu_seconds, CPU_GRACE),
        (Resource::RLIMIT_FSIZE, limits.file_bytes, 0),
        (Resource::RLIMIT_NOFILE, limits.open_files, 0),
        (Resource::RLIMIT_NPROC, limits.processes, 0),
    ];
    for (resource, most, grace) in all {
        let Some(most) = most else { continue };
        let (_, hard) = getrlimit(resource)?;
        let hard = hard.min(most.saturating_add(grace));
        setrlimit(resource, most.min(hard), hard)?;
    }
    Ok(())
}

/// Leaves root's children what root needs to read files of others, and nothing of what else it may:
/// raising limits is one of these. Others have nothing to drop.
#[expect(unsafe_code, reason = "between fork and exec there are only system calls")]
fn drop_capabilities() {
    /// `CAP_DAC_OVERRIDE` and `CAP_DAC_READ_SEARCH` (capabilities(7)).
    const KEPT: [libc::c_ulong; 2] = [1, 2];
    for capability in (0..64).filter(|capability| !KEPT.contains(capability)) {
        // SAFETY: the call touches no memory of ours. It fails for numbers that the kernel does not
        // know, and for who has no right to it and so nothing to drop.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
}

/// Lets limits end the child: a parent of ours may have had their signals ignored, which is inherited.
#[expect(unsafe_code, reason = "between fork and exec there are only system calls")]
fn default_signals() {
    for signal in [libc::SIGXFSZ, libc::SIGXCPU] {
        // SAFETY: no handler is installed, so nothing of ours runs in a signal.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Keeps whatever this process has open without that mark from the child.
#[expect(unsafe_code, reason = "between fork and exec there are only system calls")]
fn close_on_exec() {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    let (first, last): (libc::c_uint, _) = (3, libc::c_uint::MAX);
    // SAFETY: the call only marks descriptors. Kernels before 5.11 do not know it; ours are marked
    // when they are opened anyway.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) };
}
