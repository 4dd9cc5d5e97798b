//! The limit of open files: raised at the start, and shared out to the listeners.

use std::num::NonZeroUsize;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::cli::ConnectionArgs;

/// More is of no use, and some programs among our children walk through all possible descriptors.
const FILES_MAX: u64 = 65_536;
/// Files kept back for everything but clients: stores, catalogue, Temporal, children's pipes.
const OWN_FILES: u64 = 512;
/// The API, the media listener and the proxy of Temporal's page.
const LISTENERS: u64 = 3;

/// Raises the soft limit of open files as far as the hard one allows.
pub(crate) fn raise_limit() -> anyhow::Result<()> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of open files")?;
    let wanted = hard.min(FILES_MAX);
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
            .context("raise the limit of open files")?;
    }
    Ok(())
}

/// The limits of each listener, lowered where the process may not open as many files.
pub(crate) fn connection_limits(args: ConnectionArgs) -> anyhow::Result<api::ConnectionLimits> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of open files")?;
    let limits = within(args, soft);
    if limits.all < args.max {
        tracing::warn!(
            connections = limits.all,
            files = soft,
            "the limit of open files lowers --connections-max; raise it (ulimit -n)"
        );
    }
    Ok(limits)
}

fn within(args: ConnectionArgs, files: u64) -> api::ConnectionLimits {
    // Half of a small limit is kept back, so that something is left for both.
    let own = OWN_FILES.min(files / 2);
    let share = usize::try_from((files - own) / LISTENERS).unwrap_or(usize::MAX);
    let share = NonZeroUsize::new(share).unwrap_or(NonZeroUsize::MIN);
    let all = args.max.min(share);
    let (per_address, timeouts) = (args.per_address.min(all), args.timeouts());
    api::ConnectionLimits { all, per_address, timeouts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_leave_files_for_everything_else() {
        let limit = |number| NonZeroUsize::new(number).unwrap();
        let args = ConnectionArgs {
            max: limit(4096),
            per_address: limit(1024),
            head_seconds: 10,
            body_seconds: 30,
            body_rate: 1024,
            write_seconds: 60,
        };
        let shared = |files| {
            let limits = within(args, files);
            (limits.all.get(), limits.per_address.get())
        };
        assert_eq!(shared(65_536), (4096, 1024));
        assert_eq!(shared(1024), (170, 170));
        assert_eq!(shared(64), (10, 10));
        assert_eq!(shared(1), (1, 1));
    }
}
