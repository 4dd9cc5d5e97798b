//! Rewrites a non-standard source into one that can be cut.
//!
//! Run twice, also by a later attempt, the second run finds the record, written last, and what was
//! encoded from the first one's object is found again with it. Of two that run at once the first
//! record stays, and each has written an object of its own.

use contract::normalize_source::{Input, NAME, Output};
use media::manifest::DecodedSource;
use storage::{Created, Object, layout::Layout};
use uuid::Uuid;

use crate::{
    Deps,
    download_source::{current, stored},
    failure::Error,
    fingerprint,
    manifests::{load, settle},
    pulse::Pulse,
    source,
};

const RECORD: &str = "the record of the rewritten source";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let fingerprint = fingerprint::input(NAME, &input);
    let layout = Layout::new(input.video);
    let record = layout.record(NAME, &fingerprint)?;
    if let Some(found) = load::<Output>(deps, &record, RECORD).await? {
        if let Some(source) = current(deps, found.source).await? {
            return Ok(Output { source, ..found });
        }
        deps.store.delete(&record).await?;
    }
    let object = layout.rewritten(&fingerprint, Uuid::now_v7())?;
    let decoded = rewrite(deps, pulse, &input, &object).await?;
    let mine = Output { source: stored(deps, &object).await?, decoded };
    let (settled, created) = settle(deps, &record, RECORD, mine).await?;
    if created == Created::AlreadyExists && settled.source.key != object.key() {
        deps.store.delete(&object).await?;
    }
    Ok(settled)
}

async fn rewrite(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    object: &Object,
) -> Result<Option<DecodedSource>, Error> {
    let source = source::open(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("rewrite-{}", input.video))?;
    let file = scratch.path().join("rewritten.mkv");
    let beat = |micros| pulse.set(&micros);
    let rewrite = ffmpeg::normalize(&deps.tools, source.input(), &input.facts, &file, beat);
    let decoded = source.during(Box::pin(rewrite)).await?;
    deps.store.put_file(object, &file).await?;
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use fixtures::Clip;
    use storage::Bucket;

    use super::*;
    use crate::studio::Studio;

    #[tokio::test]
    async fn a_rewritten_source_is_found_again_as_long_as_it_is_there() {
        if fixtures::require_or_skip("ffmpeg").is_none() {
            return;
        }
        let studio = Studio::open().await;
        let (source, facts) = studio.source(&Clip::new().seconds(2).path()).await;
        let input = Input { video: studio.video, source, facts };
        let run = async || run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        let first = run().await;
        assert_eq!(run().await, first);
        let object = Object::new(Bucket::Videos, first.source.key.clone()).unwrap();
        studio.deps.store.delete(&object).await.unwrap();
        let again = run().await;
        assert_ne!(again.source.key, first.source.key);
        assert_eq!(run().await, again);
        // Nothing but the one that is used, and its record, is left.
        let layout = Layout::new(studio.video);
        let left = studio.deps.store.list(Bucket::Videos, &layout.work_prefix()).await.unwrap();
        assert_eq!(left.len(), 2, "{left:?}");
        // Another reading of the source is another rewriting.
        let mut other = input.clone();
        other.facts.bytes += 1;
        let other = super::run(&studio.deps, &Pulse::still(), other).await.unwrap();
        assert_ne!(other.source.key, again.source.key);
    }
}
