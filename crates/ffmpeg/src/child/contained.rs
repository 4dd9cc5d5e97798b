//! How a child is contained: its policy, with what its arguments name and the time it may take.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::time::Duration;

use contain::{Cage, Devices, Network, Policy};
use media::budget;

use super::reach;

/// Private memory of a run that decodes no pictures: what it holds is packets on their way and the
/// index of the file, of which twelve hours of video at 480 pictures a second have a gigabyte.
const SOUND_MEMORY: u64 = 2 << 30;

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
}

/// The containment of one child, prepared.
pub(super) struct Built {
    pub(super) cage: Cage,
    /// The environment that replaces this process's, where one does.
    pub(super) environment: Option<Vec<(OsString, OsString)>>,
    /// Private memory that it is given, in bytes.
    pub(super) memory: Option<u64>,
}

impl Contained {
    pub(super) fn new(policy: Policy, by_arguments: bool) -> Self {
        Self { policy, by_arguments }
    }

    /// Also lets it write into a folder.
    pub(super) fn writing(&mut self, dir: &Path) {
        self.policy.write.push(dir.to_owned());
    }

    /// Private memory that it is given, in bytes.
    fn memory(&self) -> Option<u64> {
        self.policy.limits.memory.filter(|_| self.policy.layers.limits)
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
    ) -> io::Result<Built> {
        if self.policy.limits.cpu_seconds.is_none() {
            self.for_at_most(WITHIN.try_with(|limit| *limit).unwrap_or(budget::LONGEST));
        }
        if self.by_arguments {
            self.follow(args, dir);
        }
        let cage = Cage::build(&self.policy, program)?;
        Ok(Built { cage, environment: self.environment(), memory: self.memory() })
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
