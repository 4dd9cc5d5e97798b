//! Writes how an attempt ended. Run twice, the second run finds it written.

use contract::record_outcome::{Input, Output};

use crate::{Deps, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let moved = deps.catalog.finish(&input).await?;
    tracing::info!(video = %input.video, attempt = input.attempt, ?moved, "ended");
    Ok(())
}
