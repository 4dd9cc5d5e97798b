//! Rewrites a source that cannot be cut as it is.
//!
//! Stamps are put right, and streams that begin late are listed, by copying; what is wrong beyond that
//! is encoded again. The file stays where it was written; the owner of the folder stores or removes it.

mod decoded;
mod programmes;

use std::path::Path;

use fs_err::tokio as fs;
use media::manifest::DecodedSource;
use media::source::{NonStandard, Repair, SourceFacts};

use crate::args::Unit;
use crate::probe::{delay, probe, survey};
use crate::run::STALL;
use crate::{Error, Input, Tools, args, run};
use decoded::Listed;

/// Extension of the list of decoded pictures beside a rewritten file.
const LIST: &str = "pictures.crc";

/// By how many seconds a copy may be longer or shorter than it should be: stamps are rounded.
const OFF_MAX: f64 = 0.5;

/// Rewrites a non-standard source into the Matroska file `output`; `on_micros` receives the
/// position reached.
/// Returns what was decoded, or `None` where packets were copied.
///
/// Run twice, it overwrites the file.
pub async fn normalize(
    tools: &Tools,
    input: &Input,
    facts: &SourceFacts,
    output: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<Option<DecodedSource>, Error> {
    if facts.non_standard.contains(&NonStandard::ProgrammeChange) {
        return programmes::join(tools, input, facts, output, &mut on_micros).await.map(Some);
    }
    rewrite(tools, input, facts, output, &mut on_micros).await
}

/// Rewrites one programme.
async fn rewrite(
    tools: &Tools,
    input: &Input,
    facts: &SourceFacts,
    output: &Path,
    on_micros: &mut (impl FnMut(u64) + Send),
) -> Result<Option<DecodedSource>, Error> {
    let copied = [NonStandard::BrokenTimestamps, NonStandard::LateStream];
    if !copied.iter().any(|reason| facts.non_standard.contains(reason)) {
        return encode(tools, input, facts, output, on_micros).await.map(Some);
    }
    let copy = output.with_extension("restamped.mkv");
    let Some(copied) = restamp(tools, input, &copy, on_micros).await? else {
        return encode(tools, input, facts, output, on_micros).await.map(Some);
    };
    if copied.non_standard.is_empty() {
        fs::rename(&copy, output).await.map_err(Error::io("name the rewritten file"))?;
        return Ok(None);
    }
    let decoded = encode(tools, &Input::Path(copy.clone()), &copied, output, on_micros).await?;
    fs::remove_file(&copy).await.map_err(Error::io("remove the copied file"))?;
    Ok(Some(decoded))
}

/// Copies a source with corrected stamps; gives the facts of the copy. `None` where there is nothing
/// to correct and no stream begins late, or where Matroska does not take the codecs as they are.
async fn restamp(
    tools: &Tools,
    input: &Input,
    copy: &Path,
    on_micros: &mut (impl FnMut(u64) + Send),
) -> Result<Option<SourceFacts>, Error> {
    let (facts, restamped) = survey(tools, input, &mut *on_micros).await?;
    if restamped.is_empty() && !facts.non_standard.contains(&NonStandard::LateStream) {
        return Ok(None);
    }
    for unit in [Unit::Output, Unit::Track] {
        let args = args::restamp(&as_far(input, &facts), &facts, &restamped, unit, copy);
        let command = tools.ffmpeg().args(args);
        match run(command, |progress| on_micros(progress.micros()), STALL).await {
            Ok(_) => {}
            Err(Error::Failed { .. } | Error::InvalidData { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let copied = probe(tools, &Input::Path(copy.to_owned()), &mut *on_micros).await?;
        let off = (copied.duration_seconds() - facts.duration_seconds()).abs();
        let broken = copied.non_standard.contains(&NonStandard::BrokenTimestamps);
        if off < OFF_MAX && !broken && !copied.repairs.iter().any(Repair::is_of_clocks) {
            return Ok(Some(copied));
        }
    }
    Ok(None)
}

/// An input that is looked at as far as its streams need.
fn as_far(input: &Input, facts: &SourceFacts) -> Input {
    match facts.depth {
        0 => input.clone(),
        depth => Input::Deep(Box::new(input.clone()), depth),
    }
}

async fn encode(
    tools: &Tools,
    input: &Input,
    facts: &SourceFacts,
    output: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<DecodedSource, Error> {
    let input = as_far(input, facts);
    let list = output.with_extension(LIST);
    let delay = match &facts.video {
        Some(video) if args::counts_pictures(facts) => delay(tools, &input, video.stream).await?,
        _ => 0,
    };
    let command = tools.ffmpeg().args(args::normalize(&input, facts, delay, output, &list));
    let finished = run(command, |progress| on_micros(progress.micros()), STALL).await?;
    Ok(decoded::of(facts, &Listed::take(&list).await?, &finished))
}
