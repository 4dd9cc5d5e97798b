//! The layers that confine a child, and which of them this kernel has.

use std::fmt;
use std::sync::LazyLock;
use std::thread;

use nix::libc;

use crate::{Network, Policy, filter, rules};

/// How much of containment an operator wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Containment {
    /// Every layer that the kernel has.
    #[default]
    Full,
    /// A clean environment and limits alone.
    Limits,
    /// Nothing: children see and may do what this process may.
    Off,
}

/// The layers that hold a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Landlock's ABI, which says what it knows: 1 files, 4 the network, 6 signals; 0 for none.
    pub landlock: u8,
    /// Whether system calls are filtered.
    pub seccomp: bool,
    /// Whether it has a clean environment and limits.
    pub limits: bool,
}

/// Later ABIs of Landlock are used as this one, the last that the rules here were written for.
const ABI_MAX: u8 = 7;

impl Layers {
    /// What this kernel has, which is tried once, in a thread that ends with it: a kernel may know a
    /// layer and a container still refuse it.
    pub fn of_kernel() -> Self {
        static FOUND: LazyLock<Layers> = LazyLock::new(tried);
        *FOUND
    }

    /// The layers in effect for what the operator wants.
    pub fn wanted(containment: Containment) -> Self {
        match containment {
            Containment::Full => Self::of_kernel(),
            Containment::Limits => Self { limits: true, ..Self::default() },
            Containment::Off => Self::default(),
        }
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return out.write_str("nothing");
        }
        match self.landlock {
            0 => out.write_str("no Landlock")?,
            abi @ 1..4 => write!(out, "Landlock ABI {abi} (files, not the network)")?,
            abi => write!(out, "Landlock ABI {abi}")?,
        }
        out.write_str(if self.seccomp { ", seccomp" } else { ", no seccomp" })?;
        out.write_str(if self.limits { ", limits" } else { ", no limits" })
    }
}

fn tried() -> Layers {
    let abi = abi();
    let trial = move || {
        let all = Policy {
            layers: Layers { landlock: abi, seccomp: true, limits: true },
            ..Policy::default()
        };
        let landlock = abi > 0
            && rules::ruleset(&all, &[])
                .is_ok_and(|rules| rules.is_some_and(|rules| rules::restrict_self(&rules).is_ok()));
        let seccomp = filter::programs(Network::None, false)
            .is_some_and(|all| all.iter().all(|program| filter::apply(program).is_ok()));
        Layers { landlock: if landlock { abi } else { 0 }, seccomp, limits: true }
    };
    thread::spawn(trial).join().unwrap_or(Layers { limits: true, ..Layers::default() })
}

/// The ABI that the kernel says it has; 0 where it knows no Landlock or has it turned off.
#[expect(unsafe_code, reason = "the kernel is asked by a system call")]
fn abi() -> u8 {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the kernel reads and writes no memory of ours.
    let abi = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION)
    };
    u8::try_from(abi.clamp(0, i64::from(ABI_MAX))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_told_in_words() {
        let layers = |landlock, seccomp, limits| Layers { landlock, seccomp, limits }.to_string();
        assert_eq!(layers(7, true, true), "Landlock ABI 7, seccomp, limits");
        assert_eq!(
            layers(2, true, true),
            "Landlock ABI 2 (files, not the network), seccomp, limits"
        );
        assert_eq!(layers(0, false, true), "no Landlock, no seccomp, limits");
        assert_eq!(layers(0, false, false), "nothing");
    }

    #[test]
    fn trying_leaves_this_process_free() {
        let found = Layers::of_kernel();
        assert_eq!(found, Layers::of_kernel());
        assert!(found.limits);
        assert!(fs_err::read_to_string("/proc/self/status").unwrap().contains("Seccomp:\t0"));
        assert_eq!(Layers::wanted(Containment::Off).to_string(), "nothing");
    }
}
