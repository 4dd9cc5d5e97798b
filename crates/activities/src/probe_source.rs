//! Reads the facts of a source. Run twice, it reads them twice.

use contract::probe_source::{Input, Output};

use crate::{Deps, failure::Error, manifests::readable, pulse::Pulse};

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let source = readable(deps, &input.source).await?;
    let facts = ffmpeg::probe(&deps.tools, &source, |packets| pulse.set(&packets)).await?;
    Ok(facts)
}
