//! Whether a program still makes progress: it reported some, read bytes or used a processor.
//!
//! Progress alone does not show it. On its way to a far key frame, ffmpeg decodes for minutes before
//! the first picture that it may write. A program that was stopped, or that waits for bytes which
//! never come, does none of the three.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Child;
use crate::Error;

/// Bytes that a program reads between two looks if it reads at all: two buffers of ffmpeg's. Less is
/// what a wrapper around a program that hangs reads now and then.
const BYTES: u64 = 64 << 10;
/// Processor time that it uses if it computes at all, in clock ticks of 10 ms (proc(5)). It may get
/// no more than a hundredth of a core where many run.
const TICKS: u64 = 10;
/// Memory that is as good as used up when there is less of it: a thread's stack (`ulimit -s`) and what
/// lies around it. An ffmpeg that could start some of its threads waits for the others for ever.
const THREAD: u64 = 9 << 20;
/// How often what a moving program has done is written down.
const LOOK: Duration = Duration::from_millis(500);

/// Watches one program.
#[derive(Clone, Debug)]
pub(crate) struct Movement {
    program: String,
    pid: u32,
    stall: Duration,
    /// Private memory that it is given, where that is bounded.
    memory: Option<u64>,
    since: Instant,
    seen: Work,
    looked: Instant,
}

/// What a program has done so far; zero where the system does not say.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    bytes: u64,
    ticks: u64,
}

impl Movement {
    /// Begins now; a program without progress for `stall` is given up.
    pub(crate) fn of(child: &Child, stall: Duration) -> Self {
        let now = Instant::now();
        let (program, pid, memory) = (child.program.clone(), child.id, child.given.memory);
        Self { program, pid, stall, memory, since: now, seen: Work::of(pid), looked: now }
    }

    /// The program reported progress.
    pub(crate) fn moved(&mut self) {
        self.since = Instant::now();
        if self.looked.elapsed() >= LOOK {
            (self.seen, self.looked) = (Work::of(self.pid), self.since);
        }
    }

    /// The program reported no progress; an error when it has made none for too long.
    pub(crate) fn stood(&mut self) -> Result<(), Error> {
        if self.since.elapsed() < self.stall {
            return Ok(());
        }
        let now = Work::of(self.pid);
        if !now.moved_since(self.seen) {
            let program = self.program.clone();
            return Err(match self.memory.filter(|most| private(self.pid) + THREAD >= *most) {
                Some(bytes) => Error::MemoryLimit { program, bytes },
                None => Error::Stalled { program, after: self.stall },
            });
        }
        self.since = Instant::now();
        (self.seen, self.looked) = (now, self.since);
        Ok(())
    }

    /// Waits for something of the program for as long as it moves.
    pub(crate) async fn wait<T>(&mut self, of: impl Future<Output = T>) -> Result<T, Error> {
        let mut of = std::pin::pin!(of);
        loop {
            match timeout_at(self.since + self.stall, &mut of).await {
                Ok(done) => return Ok(done),
                Err(_) => self.stood()?,
            }
        }
    }
}

impl Work {
    fn of(pid: u32) -> Self {
        let read = |name: &str| fs_err::read_to_string(format!("/proc/{pid}/{name}"));
        Self {
            bytes: read("io").ok().and_then(|text| bytes(&text)).unwrap_or(0),
            ticks: read("stat").ok().and_then(|text| ticks(&text)).unwrap_or(0),
        }
    }

    fn moved_since(self, before: Self) -> bool {
        self.bytes >= before.bytes + BYTES || self.ticks >= before.ticks + TICKS
    }
}

/// Private memory of a program, as its limit counts it (`VmData` of proc(5)); zero where the system does
/// not tell.
fn private(pid: u32) -> u64 {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// Bytes that reads returned, from whatever they came.
fn bytes(io: &str) -> Option<u64> {
    io.lines().find_map(|line| line.strip_prefix("rchar: "))?.trim().parse().ok()
}

/// Time in user and in kernel mode, the 14th and 15th fields. The second field is the program's name
/// in parentheses, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_read_whatever_the_program_is_called() {
        let stat = "7 (a) R 1 (b) S 1 7 7 0 -1 4194304 100 0 0 0 250 31 9 9 20 0 1 0 5 1 1\n";
        assert_eq!(ticks(stat), Some(281));
        assert_eq!(bytes("rchar: 4096\nwchar: 1\n"), Some(4096));
        assert!(ticks("").is_none() && bytes("").is_none());
    }

    #[test]
    fn private_memory_is_read() {
        assert!(private(std::process::id()) > 1 << 16);
        assert_eq!(private(0), 0);
    }

    #[test]
    fn a_little_of_either_is_no_movement() {
        let before = Work { bytes: 1000, ticks: 50 };
        for (bytes, ticks, moves) in
            [(1000, 50, false), (2000, 59, false), (1000, 60, true), (1000 + BYTES, 50, true)]
        {
            assert_eq!(Work { bytes, ticks }.moved_since(before), moves, "{bytes} {ticks}");
        }
        // It has ended.
        assert!(!Work::default().moved_since(before));
    }
}
