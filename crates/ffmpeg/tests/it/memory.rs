//! A child that the kernel kills because memory ran out is told from one that somebody kills: by a real
//! kill, in a control group of the test's own. Where none can be made, the test says so and ends.

use std::path::{Path, PathBuf};

use ffmpeg::{Error, run};
use fixtures::{PATIENCE, tools};

use crate::run::script;

/// Set in the process inside the group.
const INSIDE: &str = "FFMPEG_TEST_INSIDE_GROUP";
/// What all of it may have: some for the test, and little for the child.
const BYTES: &str = "134217728";

/// A control group with little memory, removed when dropped. By then its processes must have ended.
struct Group(PathBuf);

impl Group {
    /// Where its kills count in no group of another test: version 1 counts in one group, version 2 in all
    /// above it.
    fn make() -> Option<Self> {
        let groups = fs_err::read_to_string("/proc/self/cgroup").ok()?;
        let places = groups.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            match controllers {
                "" => Some((PathBuf::from("/sys/fs/cgroup"), "memory.max")),
                "memory" => {
                    Some((Path::new("/sys/fs/cgroup/memory").join(path), "memory.limit_in_bytes"))
                }
                _ => None,
            }
        });
        places.into_iter().find_map(|(parent, limit)| {
            let group = Self(parent.join(format!("millrace-test-{}", std::process::id())));
            fs_err::create_dir(&group.0).ok()?;
            // A file of this name can only be there already.
            let limit = group.0.join(limit);
            (limit.is_file() && fs_err::write(limit, BYTES).is_ok()).then_some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Left behind it takes no memory, and says which test it was of.
        let _ = fs_err::remove_dir(&self.0);
    }
}

#[tokio::test]
async fn a_child_that_memory_ran_out_for_is_told_from_one_that_was_killed() {
    if std::env::var_os(INSIDE).is_some() {
        return inside().await;
    }
    let Some(group) = Group::make() else {
        return eprintln!("skipped: no control group with a limit of memory can be made here");
    };
    let this = "memory::a_child_that_memory_ran_out_for_is_told_from_one_that_was_killed";
    let mut command = tools::command("sh");
    command.args(["-c", "echo $$ >\"$0\" && exec \"$@\""]).arg(group.0.join("cgroup.procs"));
    command.arg(std::env::current_exe().unwrap()).args(["--exact", this, "--nocapture"]);
    let output = command.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

async fn inside() {
    let dir = tempfile::tempdir().unwrap();
    let fails = async |text: &str| {
        run(script(&dir, text).await, |_| {}, PATIENCE).await.expect_err("it was killed")
    };
    // It keeps what has no end, to give the last line of it.
    let hungry = "exec tail /dev/zero";
    for (text, memory) in [("kill -KILL $$", false), (hungry, true), ("kill -KILL $$", false)] {
        let error = fails(text).await;
        assert_eq!(matches!(error, Error::OutOfMemory { .. }), memory, "{text}: {error:?}");
        assert_eq!(matches!(error, Error::Killed { .. }), !memory, "{text}: {error:?}");
    }
}
