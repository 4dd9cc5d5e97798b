//! Landlock's rules: which files a child may open, which port it may connect to, and that it signals
//! nobody outside.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
    RulesetError, Scope, make_bitflags,
};
use nix::libc;

use crate::{Devices, Network, Policy, places};

/// To read, and to execute as the system's programs are.
const EXECUTE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{Execute | ReadFile | ReadDir});
/// To read.
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
/// To use devices.
const USE: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | IoctlDev});
/// To make, change and remove files. Links are left out, because whoever reads the folder afterwards
/// would follow them with rights that the child does not have.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | RemoveFile | RemoveDir | MakeReg | MakeDir | Refer
});
/// What makes sense for a file that is not a folder.
const OF_FILES: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{Execute | ReadFile | WriteFile | Truncate | IoctlDev});

/// The rules of a policy for a program of these parts, or `None` where Landlock is not among its
/// layers. Paths that are not there are left out: nobody can open them.
pub(crate) fn ruleset(policy: &Policy, parts: &[PathBuf]) -> io::Result<Option<OwnedFd>> {
    if policy.layers.landlock == 0 {
        return Ok(None);
    }
    let abi = ABI::from(i32::from(policy.layers.landlock));
    let made = created(policy, parts, abi).map_err(io::Error::other)?;
    Ok(made.into())
}

fn created(policy: &Policy, parts: &[PathBuf], abi: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?;
    if policy.layers.landlock >= 4 {
        rules = rules.handle_access(AccessNet::from_all(abi))?;
    }
    if policy.layers.landlock >= 6 {
        rules = rules.scope(Scope::from_all(abi))?;
    }
    let handled = AccessFs::from_all(abi);
    let mut rules = rules.create()?;
    let system = places::SYSTEM.iter().map(Path::new);
    rules = open(rules, system.chain(parts.iter().map(PathBuf::as_path)), EXECUTE & handled)?;
    // Libraries are mapped, not executed, so that reading them is enough.
    let others = places::OTHERS.iter().map(PathBuf::as_path);
    rules = open(rules, places::READ.iter().map(Path::new).chain(others), READ & handled)?;
    rules = open(rules, policy.read.iter().map(PathBuf::as_path), READ & handled)?;
    rules = open(rules, places::USED.iter().map(Path::new), USE & handled)?;
    rules = open(rules, policy.write.iter().map(PathBuf::as_path), WRITE & handled)?;
    if policy.devices == Devices::Graphics {
        let (devices, drivers) = places::graphics();
        rules = open(rules, drivers.iter().map(PathBuf::as_path), READ & handled)?;
        let used = (USE | WRITE) & handled;
        rules = open(rules, devices.iter().map(PathBuf::as_path), used)?;
    }
    if let (Network::Port(port), true) = (policy.network, policy.layers.landlock >= 4) {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(rules)
}

fn open<'a>(
    mut rules: RulesetCreated,
    paths: impl Iterator<Item = &'a Path>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    for path in paths {
        let Ok(fd) = PathFd::new(path) else { continue };
        let folder = path.is_dir();
        let access = if folder { access } else { access & OF_FILES };
        rules = rules.add_rule(PathBeneath::new(fd, access))?;
    }
    Ok(rules)
}

/// `struct landlock_path_beneath_attr` of linux/landlock.h.
#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}

/// Opens the calling process's own folder in `/proc` to itself: only in the child does
/// `/proc/self` lead there. Makes system calls only. Failing leaves it closed.
#[expect(unsafe_code, reason = "between fork and exec there are only system calls")]
pub(crate) fn open_own_proc(rules: &OwnedFd) {
    const RULE_PATH_BENEATH: libc::c_int = 1;
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    // SAFETY: the path is a C string, and the descriptor is closed by nobody else.
    let own = unsafe { libc::open(c"/proc/self/".as_ptr(), flags) };
    if own < 0 {
        return;
    }
    let attr = PathBeneathAttr { allowed_access: READ.bits(), parent_fd: own };
    // SAFETY: the attribute is laid out as the kernel expects and outlives the call.
    unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            rules.as_raw_fd(),
            RULE_PATH_BENEATH,
            &raw const attr,
            0,
        );
        libc::close(own);
    }
}

/// Holds the calling thread, and what it starts, to these rules forever. Makes system calls only.
#[expect(unsafe_code, reason = "between fork and exec there are only system calls")]
pub(crate) fn restrict_self(rules: &OwnedFd) -> io::Result<()> {
    // SAFETY: neither call touches memory of ours.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}
