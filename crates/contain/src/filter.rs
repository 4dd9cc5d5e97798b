//! Seccomp's filters: the system calls that no child needs are refused with an error, as far as they
//! lead out of its containment.
//!
//! A list of what is refused, not of what is allowed: ffmpeg is built in many ways, and a call that it
//! makes and that nobody thought of would fail videos.

use std::collections::BTreeMap;
use std::io;
use std::sync::LazyLock;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op,
    SeccompCondition as Condition, SeccompFilter, SeccompRule as Rule, TargetArch,
};

use crate::Network;

/// Calls that reach into other processes, the kernel, its name spaces, its clock and its keys, that
/// make requests no filter sees (`io_uring`), and that leave our process group or raise limits.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_vhangup,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_setrlimit,
    libc::SYS_listen,
];

/// Calls that only programs that start others make; `clone` is looked at more closely.
const OF_STARTERS: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
];

/// Name spaces that `clone` may make (clone(2)).
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Kinds of sockets other than streams: datagrams and whatever else carries no TCP.
const NO_STREAMS: &[libc::c_int] = &[
    libc::SOCK_DGRAM,
    libc::SOCK_RAW,
    libc::SOCK_RDM,
    libc::SOCK_SEQPACKET,
    6,  // SOCK_DCCP
    10, // SOCK_PACKET
];
/// The bits of a socket's kind; the others are flags (socket(2)).
const KIND: u64 = 0xf;

/// The filters of one kind of child, made once; `None` where they cannot be made for this processor.
/// `starts` says that it may start programs.
pub(crate) fn programs(network: Network, starts: bool) -> Option<&'static [BpfProgram]> {
    static MADE: LazyLock<[Option<Vec<BpfProgram>>; 4]> = LazyLock::new(|| {
        [(false, false), (false, true), (true, false), (true, true)]
            .map(|(sockets, starts)| made(sockets, starts).ok())
    });
    let sockets = network != Network::None;
    MADE[usize::from(sockets) * 2 + usize::from(starts)].as_deref()
}

/// Installs one filter for the calling thread. Makes system calls only.
pub(crate) fn apply(program: &BpfProgram) -> io::Result<()> {
    seccompiler::apply_filter(program).map_err(|_| io::Error::last_os_error())
}

fn made(sockets: bool, starts: bool) -> Result<Vec<BpfProgram>, BackendError> {
    let refused = |rules, errno: libc::c_int| {
        let errno = u32::try_from(errno).unwrap_or(1);
        let arch = TargetArch::try_from(std::env::consts::ARCH)?;
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch)?
            .try_into()
    };
    // Its arguments lie in memory, where no filter looks; told that it does not exist, libraries use
    // `clone` instead.
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let mut programs =
        vec![refused(clone3, libc::ENOSYS)?, refused(rules(sockets, starts)?, libc::EPERM)?];
    if cfg!(target_arch = "x86_64") {
        programs.push(no_x32());
    }
    Ok(programs)
}

fn rules(sockets: bool, starts: bool) -> Result<BTreeMap<i64, Vec<Rule>>, BackendError> {
    let mut rules: BTreeMap<i64, Vec<Rule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let mut clone = Vec::new();
    for namespace in NAMESPACES {
        clone.push(masked(0, *namespace, *namespace)?);
    }
    if !starts {
        rules.extend(OF_STARTERS.iter().map(|call| (*call, Vec::new())));
        clone.push(masked(0, libc::CLONE_THREAD, 0)?);
    }
    rules.insert(libc::SYS_clone, clone);
    // Reading limits is fine; the second argument of `prlimit` is new ones.
    rules.insert(
        libc::SYS_prlimit64,
        vec![Rule::new(vec![Condition::new(2, Len::Qword, Op::Ne, 0)?])?],
    );
    let mut socket = Vec::new();
    if sockets {
        socket.push(Rule::new(vec![not(0, libc::AF_INET)?])?);
        for kind in NO_STREAMS {
            socket.push(Rule::new(vec![Condition::new(
                1,
                Len::Dword,
                Op::MaskedEq(KIND),
                wide(*kind),
            )?])?);
        }
        // Other protocols over IPv4, such as MPTCP, are no TCP to Landlock's rules.
        socket.push(Rule::new(vec![not(2, 0)?, not(2, libc::IPPROTO_TCP)?])?);
        // A first packet with data connects without asking those rules.
        for (call, flags) in
            [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)]
        {
            rules.insert(call, vec![masked(flags, libc::MSG_FASTOPEN, libc::MSG_FASTOPEN)?]);
        }
    }
    rules.insert(libc::SYS_socket, socket);
    Ok(rules)
}

/// Refuses where the bits `mask` of an argument are `value`.
fn masked(argument: u8, mask: libc::c_int, value: libc::c_int) -> Result<Rule, BackendError> {
    let operator = Op::MaskedEq(wide(mask));
    Rule::new(vec![Condition::new(argument, Len::Dword, operator, wide(value))?])
}

fn not(argument: u8, value: libc::c_int) -> Result<Condition, BackendError> {
    Condition::new(argument, Len::Dword, Op::Ne, wide(value))
}

/// Flags as the kernel compares them: 32 bits without a sign.
fn wide(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

/// Refuses the second set of numbers of x86-64, for 32-bit pointers: every call has another number
/// there, which the other filters do not know.
fn no_x32() -> BpfProgram {
    const X32: u32 = 0x4000_0000;
    let step = |code: u32, jt: u8, jf: u8, k: u32| seccompiler::sock_filter {
        code: u16::try_from(code).unwrap_or(0),
        jt,
        jf,
        k,
    };
    let (load, not_below) =
        (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K);
    let give = libc::BPF_RET | libc::BPF_K;
    let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    vec![
        step(load, 0, 0, 0),
        step(not_below, 0, 1, X32),
        step(give, 0, 0, refused),
        step(give, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_filter_for_every_kind_of_child() {
        for network in [Network::None, Network::Port(80)] {
            for starts in [false, true] {
                let programs = programs(network, starts).unwrap();
                assert!(programs.len() >= 2 && programs.iter().all(|program| !program.is_empty()));
            }
        }
    }
}
