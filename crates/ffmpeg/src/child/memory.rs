//! Whether the kernel killed one of our processes because memory ran out.
//!
//! Such a kill is a SIGKILL like any other. It is recognised by a count that the kernel keeps for
//! our control group, and where that cannot be read for the whole machine. One rise of the count
//! answers one question: a kill that comes later is no memory kill because an earlier one was.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Where the count is kept for the whole machine (proc(5), since Linux 4.13).
const MACHINE: &str = "/proc/vmstat";
/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

static KILLS: LazyLock<Kills> = LazyLock::new(|| {
    let groups = fs_err::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Kills::of(places(Path::new(GROUPS), &groups))
});

/// Begins to watch; the count before the first child is where rises are measured from.
pub(super) fn watch() {
    LazyLock::force(&KILLS);
}

/// Whether memory ran out since the last time that this was asked.
pub(crate) fn ran_out() -> bool {
    KILLS.rose()
}

/// The count of one place.
#[derive(Debug)]
struct Kills {
    place: Option<PathBuf>,
    seen: AtomicU64,
    asking: Mutex<()>,
}

impl Kills {
    /// Counts in the first place that has a count.
    fn of(places: Vec<PathBuf>) -> Self {
        let found = places.into_iter().find_map(|place| count(&place).map(|seen| (place, seen)));
        let (place, seen) = found.map_or((None, 0), |(place, seen)| (Some(place), seen));
        Self { place, seen: AtomicU64::new(seen), asking: Mutex::new(()) }
    }

    fn rose(&self) -> bool {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(now) = self.place.as_deref().and_then(count) else { return false };
        self.seen.swap(now, Ordering::Relaxed) < now
    }
}

/// Reads the line `oom_kill N`, which has the same form in every place.
fn count(place: &Path) -> Option<u64> {
    let text = fs_err::read_to_string(place).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// Where the count may be, best first. `memory.events` is that of version 2 of control groups and
/// `memory.oom_control` that of version 1; in a container, the path in `groups` may be one outside.
fn places(mount: &Path, groups: &str) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        let (root, file) = match controllers {
            "" => (mount.to_owned(), "memory.events"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (mount.join(controllers), "memory.oom_control")
            }
            _ => continue,
        };
        places.extend([root.join(path).join(file), root.join(file)]);
    }
    places.push(MACHINE.into());
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_asked_before_the_machine() {
        let found = |groups: &str| {
            let all = places(Path::new("/g"), groups);
            all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        let second = ["/g/a/b/memory.events", "/g/memory.events", "/proc/vmstat"];
        assert_eq!(found("0::/a/b\n"), second);
        let first = ["/g/memory/x/memory.oom_control", "/g/memory/memory.oom_control"];
        assert_eq!(found("9:cpu:/x\n4:memory:/x\n")[..2], first);
        assert_eq!(found(""), ["/proc/vmstat"]);
    }

    #[test]
    fn one_rise_explains_one_kill() {
        let dir = tempfile::tempdir().unwrap();
        let events = dir.path().join("memory.events");
        let write = |kills: u32| {
            fs_err::write(&events, format!("low 0\noom {kills}\noom_kill {kills}\n")).unwrap();
        };
        write(3);
        let kills = Kills::of(vec![dir.path().join("none"), events.clone()]);
        assert!(!kills.rose());
        write(5);
        assert!(kills.rose());
        assert!(!kills.rose());
    }

    #[test]
    fn without_a_count_nothing_is_blamed_on_memory() {
        assert!(!Kills::of(vec!["/nowhere".into()]).rose());
    }
}
