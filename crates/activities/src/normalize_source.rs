//! Rewrites a non-standard source into one that can be cut. Run twice, it rewrites it twice, over
//! the same object.

use contract::{
    StoredSource,
    normalize_source::{Input, Output},
};
use storage::layout::Layout;

use crate::{Deps, download_source::stored, failure::Error, manifests::readable, pulse::Pulse};

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let source = readable(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("rewrite-{}", input.video))?;
    let file = scratch.path().join("rewritten.mkv");
    ffmpeg::normalize(&deps.tools, &source, &input.facts, &file, |micros| pulse.set(&micros))
        .await?;
    let object = Layout::new(input.video).rewritten_source()?;
    deps.store.put_file(&object, &file).await?;
    let rewritten: StoredSource = stored(deps, &object).await?;
    Ok(rewritten)
}
