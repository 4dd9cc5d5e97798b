//! Removes every object of a video, and at last its row. Run twice, the second run finds nothing.
//!
//! A video that is still being stopped writes objects until its workflow has reported its end, so
//! until then this fails, to be tried again.

use contract::delete_video::{Input, Output};

use crate::{Deps, clean_up, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let Some(video) = deps.catalog.get(input.video).await? else { return Ok(0) };
    if !video.status.is_final() {
        return Err(Error::StillRunning { status: video.status });
    }
    let removed = clean_up::remove_all(deps, input.video).await?;
    deps.catalog.delete(input.video).await?;
    Ok(removed)
}
