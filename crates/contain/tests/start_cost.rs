//! What it costs to hold a child. Processor time, as a loaded machine changes it least, and in a
//! process of its own, as the kernel counts it by process.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use contain::{Cage, Layers, Limits, Policy};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

const PROGRAM: &str = "/bin/true";
/// Most that a start may cost beyond that of a child that nothing holds.
const MOST: Duration = Duration::from_millis(5);
const ROUNDS: usize = 5;
const STARTS: u32 = 20;

/// Processor time of this process and of the children it has waited for.
fn used() -> Duration {
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN]
        .into_iter()
        .map(|who| getrusage(who).unwrap())
        .flat_map(|usage| [usage.user_time(), usage.system_time()])
        .map(|time| Duration::from_micros(time.num_microseconds().unsigned_abs()))
        .sum()
}

/// The processor time of one start, to the end of a program that does nothing.
#[expect(unsafe_code, reason = "entering a cage makes system calls only")]
#[expect(clippy::disallowed_methods, reason = "what `ffmpeg::child` adds is not measured here")]
fn cost(policy: Option<&Policy>) -> Duration {
    let before = used();
    for _ in 0..STARTS {
        let mut command = Command::new(PROGRAM);
        if let Some(policy) = policy {
            let cage = Cage::build(policy, PROGRAM.as_ref()).unwrap();
            // SAFETY: it neither allocates nor takes a lock.
            unsafe { command.pre_exec(move || cage.enter()) };
        }
        assert!(command.status().unwrap().success());
    }
    used().saturating_sub(before) / STARTS
}

#[test]
fn holding_a_child_costs_little() {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy {
        layers: Layers::of_kernel(),
        read: vec![folder.path().to_owned()],
        write: vec![folder.path().to_owned()],
        limits: Limits { memory: Some(1 << 30), cpu_seconds: Some(60), ..Limits::default() },
        ..Policy::default()
    };
    let least = |policy| (0..ROUNDS).map(|_| cost(policy)).min().unwrap();
    let (bare, held) = (least(None), least(Some(&policy)));
    assert!(held < bare + MOST, "a start costs {held:?} held and {bare:?} bare");
}
