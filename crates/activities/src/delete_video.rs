//! Removes every object of a video, and at last its row, or only notes on it that its files expired.
//! Run twice, the second run finds nothing.
//!
//! A video that is still being stopped writes objects until its workflow has reported its end, so
//! until then this fails, to be tried again. The catalogue's answer that the objects may go is at the
//! same time its promise that the video does not begin again.

use catalog::{Claim, Removal};
use contract::delete_video::{Input, Output};

use crate::{Deps, clean_up, download_source, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let removal = match deps.catalog.claim_removal(input.video).await? {
        Claim::Gone => return Ok(0),
        Claim::Granted(Removal::Expired) => return Ok(0),
        Claim::StillRunning(status) => return Err(Error::StillRunning { status }),
        Claim::Granted(removal) => removal,
    };
    deps.scratch.forget(&download_source::folder_name(input.video))?;
    let removed = clean_up::remove_all(deps, input.video).await?;
    // Somebody may have asked for the whole video while its files were being removed.
    if removal == Removal::Files && deps.catalog.files_removed(input.video).await? {
        return Ok(removed);
    }
    deps.catalog.delete(input.video).await?;
    Ok(removed)
}
