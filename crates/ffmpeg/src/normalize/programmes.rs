//! Programmes of one file with different streams: each is read separately, and all become one.

use std::path::{Path, PathBuf};

use fs_err::tokio as fs;
use media::source::{NonStandard, SourceFacts};

use super::rewrite;
use crate::args::{self, Part};
use crate::probe::probe;
use crate::run::STALL;
use crate::{Error, Input, Tools, run};

/// Writes the programmes of a source one behind the other into `output`.
///
/// Parts in which nothing can be played are left out.
pub(super) async fn join(
    tools: &Tools,
    input: &Input,
    facts: &SourceFacts,
    output: &Path,
    on_micros: &mut (impl FnMut(u64) + Send),
) -> Result<(), Error> {
    let starts = std::iter::once(0).chain(facts.programmes.iter().copied());
    let ends = facts.programmes.iter().copied().chain([facts.bytes]);
    let (mut parts, mut files) = (Vec::new(), Vec::new());
    for (at, (start, end)) in starts.zip(ends).enumerate() {
        let file = output.with_extension(format!("part{at}.mkv"));
        let part = Input::Part(Box::new(input.clone()), start..end);
        match Box::pin(ready(tools, part, &file, on_micros)).await {
            Ok(part) => parts.push(part),
            Err(Error::NoStreams | Error::InvalidData { .. }) => {}
            Err(error) => return Err(error),
        }
        files.push(file);
    }
    if parts.is_empty() {
        return Err(Error::NoStreams);
    }
    let command = tools.ffmpeg().args(args::join(&parts, output));
    run(command, |progress| on_micros(progress.micros()), STALL).await?;
    remove(files).await
}

/// A part that can be read from its beginning to its end: as it is, or rewritten into `file`.
async fn ready(
    tools: &Tools,
    input: Input,
    file: &Path,
    on_micros: &mut (impl FnMut(u64) + Send),
) -> Result<Part, Error> {
    let mut facts = probe(tools, &input, &mut *on_micros).await?;
    facts.non_standard.retain(|reason| *reason != NonStandard::ProgrammeChange);
    if facts.non_standard.is_empty() {
        return Ok(Part { input, facts });
    }
    rewrite(tools, &input, &facts, file, on_micros).await?;
    let input = Input::Path(file.to_owned());
    let facts = probe(tools, &input, on_micros).await?;
    Ok(Part { input, facts })
}

async fn remove(files: Vec<PathBuf>) -> Result<(), Error> {
    for file in files {
        match fs::remove_file(&file).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove the part of a source")(error));
            }
            _ => {}
        }
    }
    Ok(())
}
