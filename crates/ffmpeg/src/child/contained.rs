//! How a child is contained: its policy, with what its arguments name and the time it may take.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contain::{Cage, Devices, Network, Policy};
use media::budget;

use super::reach;

/// Private memory of a run that decodes no pictures: what it holds is packets on their way and the
/// index of the file, of which twelve hours of video at 480 pictures a second have a gigabyte.
const SOUND_MEMORY: u64 = 2 << 30;

/// How often a disk that a child writes to is looked at: half a second of the fastest is a gigabyte.
const DISK_LOOK: Duration = Duration::from_millis(500);
/// Bytes that any file may have, however little room there is: a full disk says so itself.
const FILE_MIN: u64 = 1 << 20;

tokio::task_local! {
    static WITHIN: Duration;
}

/// Runs `work`, whose children get processor time for as long as `limit` on every core: the time
/// after which their caller gives up anyway.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    WITHIN.scope(limit, work).await
}

/// A policy on its way to a child.
#[derive(Debug)]
pub(super) struct Contained {
    policy: Policy,
    by_arguments: bool,
    disk_free_min: u64,
}

/// The containment of one child, prepared.
pub(super) struct Built {
    pub(super) cage: Cage,
    /// The environment that replaces this process's, where one does.
    pub(super) environment: Option<Vec<(OsString, OsString)>>,
    pub(super) given: Arc<Given>,
}

/// What one child may use, for telling why it failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// Private memory, in bytes, where that is bounded.
    pub(crate) memory: Option<u64>,
    /// True when its files are bounded by the room on their disk.
    pub(crate) by_disk: bool,
    pub(crate) disk: Option<Disk>,
}

/// The disk that a child writes to.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    free_min: u64,
}

impl Given {
    /// Waits until the disk that the child writes to has no more room for it; without end where there
    /// is no bound.
    pub(crate) async fn disk_filled(self: Arc<Self>) {
        let Some(Disk { folder, free_min }) = &self.disk else {
            return std::future::pending().await;
        };
        while contain::free_bytes(folder).is_ok_and(|free| free >= *free_min) {
            tokio::time::sleep(DISK_LOOK).await;
        }
    }
}

impl Contained {
    pub(super) fn new(policy: Policy, by_arguments: bool) -> Self {
        Self { policy, by_arguments, disk_free_min: 0 }
    }

    /// Also lets it write into a folder.
    pub(super) fn writing(&mut self, dir: &Path) {
        self.policy.write.push(dir.to_owned());
    }

    /// Stops it when less than this is free on the disk that it writes to.
    pub(super) fn disk_free_min(&mut self, bytes: u64) {
        self.disk_free_min = bytes;
    }

    /// Bounds its files by the room on their disk, unless `file_size` bounds them closer.
    fn given(&mut self, file_size: Option<u64>) -> Arc<Given> {
        let memory = self.policy.limits.memory.filter(|_| self.policy.layers.limits);
        let bounded = self.disk_free_min > 0 && self.policy.layers.limits;
        let folder = self.policy.write.first().filter(|_| bounded).cloned();
        let disk = folder.map(|folder| Disk { folder, free_min: self.disk_free_min });
        let free = disk.as_ref().and_then(|disk| contain::free_bytes(&disk.folder).ok());
        let room = free.map(|free| free.saturating_sub(self.disk_free_min).max(FILE_MIN));
        let limit = self.policy.limits.file_bytes.into_iter().chain(file_size).min();
        let by_disk = room.is_some_and(|room| limit.is_none_or(|limit| room < limit));
        self.policy.limits.file_bytes = room.into_iter().chain(limit).min();
        Arc::new(Given { memory, by_disk, disk })
    }

    /// Bounds the processor time by that of all cores for so long, unless it has less.
    pub(super) fn for_at_most(&mut self, limit: Duration) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
        let seconds = limit.as_secs().saturating_add(1).saturating_mul(cores);
        let own = self.policy.limits.cpu_seconds;
        self.policy.limits.cpu_seconds = Some(own.map_or(seconds, |own| own.min(seconds)));
    }

    /// The environment that replaces this process's, unless containment is off.
    fn environment(&self) -> Option<Vec<(OsString, OsString)>> {
        if !self.policy.layers.limits {
            return None;
        }
        let mut variables = contain::kept();
        // Or every thread would reserve addresses of its own, which count as used.
        variables.push(("MALLOC_ARENA_MAX".into(), "16".into()));
        if let Some(scratch) = self.policy.write.first() {
            let places = ["TMPDIR", "XDG_CACHE_HOME"];
            variables.extend(places.map(|name| (name.into(), scratch.clone().into())));
        }
        Some(variables)
    }

    /// Prepares the containment of the program with these arguments.
    pub(super) fn build(
        mut self,
        program: &OsStr,
        args: &[OsString],
        dir: Option<&Path>,
        file_size: Option<u64>,
    ) -> io::Result<Built> {
        if self.policy.limits.cpu_seconds.is_none() {
            self.for_at_most(WITHIN.try_with(|limit| *limit).unwrap_or(budget::LONGEST));
        }
        if self.by_arguments {
            self.follow(args, dir);
        }
        let given = self.given(file_size);
        let cage = Cage::build(&self.policy, program)?;
        Ok(Built { cage, environment: self.environment(), given })
    }

    fn follow(&mut self, args: &[OsString], dir: Option<&Path>) {
        let reach = reach::of(args, dir);
        let policy = &mut self.policy;
        policy.read.extend(reach.read);
        policy.write.extend(reach.write);
        policy.network = reach.port.map_or(Network::None, Network::Port);
        if reach.graphics {
            // Drivers of graphics cards map as many addresses as the card and the machine have bytes.
            policy.devices = Devices::Graphics;
            (policy.limits.memory, policy.limits.addresses) = (None, None);
        } else if !reach.pictures {
            policy.limits.memory = policy.limits.memory.map(|most| most.min(SOUND_MEMORY));
        }
    }
}
