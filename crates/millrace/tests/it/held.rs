//! An ffmpeg that encodes no chunk before the test lets it: what a test wants to see of a video at work
//! stays as long as it takes to see it.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::product::Flags;

/// A stand-in that tells of progress while it waits, so that nobody takes it for stalled.
pub(crate) struct Held {
    program: PathBuf,
}

impl Held {
    /// Writes the stand-in into a folder; `None` where there is no ffmpeg, with the reason printed.
    pub(crate) fn new(folder: &Path) -> Option<Self> {
        let real = fixtures::require_or_skip("ffmpeg")?;
        let program = folder.join("ffmpeg");
        let script = format!(
            "#!/bin/sh\n\
             case \"$*\" in *rung-0.mp4*)\n\
             touch \"$0.holds\"\n\
             while [ ! -e \"$0.released\" ]; do\n\
             waits=$((waits + 1)); echo \"frame=$waits\"; echo progress=continue; sleep 0.2\n\
             done;;\n\
             esac\n\
             exec {} \"$@\"\n",
            real.display()
        );
        fs_err::write(&program, script).unwrap();
        fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self { program })
    }

    /// Flags of a product that encodes with it. It looks for a file beside itself, where no contained
    /// child may look.
    pub(crate) fn flags(&self, flags: Flags) -> Flags {
        flags.and(["--containment", "off", "--ffmpeg", self.program.to_str().unwrap()])
    }

    /// Whether a chunk was begun that is, or was, held.
    pub(crate) fn holds(&self) -> bool {
        self.program.with_extension("holds").exists()
    }

    /// Lets every chunk be encoded from now on.
    pub(crate) fn release(&self) {
        fs_err::write(self.program.with_extension("released"), "").unwrap();
    }
}
