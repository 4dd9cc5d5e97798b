//! Programmes of one file with different streams: each is read separately, and all become one.

use std::path::{Path, PathBuf};

use fs_err::tokio as fs;
use media::manifest::{DecodedPictures, DecodedSource};
use media::source::{NonStandard, SourceFacts};

use super::decoded::{self, Listed};
use super::{LIST, rewrite};
use crate::args::{self, Part};
use crate::probe::probe;
use crate::run::STALL;
use crate::{Error, Finished, Input, Tools, run};

/// Writes the programmes of a source one behind the other into `output`.
///
/// Parts in which nothing can be played are left out.
pub(super) async fn join(
    tools: &Tools,
    input: &Input,
    facts: &SourceFacts,
    output: &Path,
    on_micros: &mut (impl FnMut(u64) + Send),
) -> Result<DecodedSource, Error> {
    let starts = std::iter::once(0).chain(facts.programmes.iter().copied());
    let ends = facts.programmes.iter().copied().chain([facts.bytes]);
    let (mut parts, mut files) = (Vec::new(), Vec::new());
    let mut before = Vec::new();
    for (at, (start, end)) in starts.zip(ends).enumerate() {
        let file = output.with_extension(format!("part{at}.mkv"));
        let part = Input::Part(Box::new(input.clone()), start..end);
        match Box::pin(ready(tools, part, &file, on_micros)).await {
            Ok((part, decoded)) => {
                parts.push(part);
                before.push(decoded);
            }
            Err(Error::NoStreams | Error::InvalidData { .. }) => {}
            Err(error) => return Err(error),
        }
        files.push(file);
    }
    if parts.is_empty() {
        return Err(Error::NoStreams);
    }
    let list = output.with_extension(LIST);
    let command = tools.ffmpeg().args(args::join(&parts, output, &list));
    let finished = run(command, |progress| on_micros(progress.micros()), STALL).await?;
    let listed = Listed::take(&list).await?;
    remove(files).await?;
    Ok(together(&parts, &before, &listed, &finished))
}

/// What was decoded of all parts: of those that were rewritten at first, `before` says it.
fn together(
    parts: &[Part],
    before: &[Option<DecodedSource>],
    listed: &Listed,
    finished: &Finished,
) -> DecodedSource {
    let pictures: Vec<_> = parts.iter().filter_map(|part| part.facts.video.as_ref()).collect();
    let sound: Vec<_> = parts.iter().filter_map(|part| part.facts.main_audio()).collect();
    let blank = (parts.len() - pictures.len()) as u64;
    let frames = pictures.iter().map(|video| video.timeline.frames).sum();
    let mut all = DecodedPictures {
        expected: frames,
        decoded: listed.count.saturating_sub(blank).min(frames),
        ..decoded::spoilt(&pictures, &sound, finished)
    };
    for (part, earlier) in parts.iter().zip(before) {
        let earlier = earlier.as_ref().and_then(|decoded| decoded.pictures);
        if let Some((video, earlier)) = part.facts.video.as_ref().zip(earlier) {
            let again = video.timeline.frames;
            all.expected = (all.expected + earlier.expected).saturating_sub(again);
            all.decoded = (all.decoded + earlier.decoded).saturating_sub(again);
            all.damaged += earlier.damaged;
            all.errors += earlier.errors;
            all.leading += earlier.leading;
        }
    }
    let earlier = before.iter().flatten().flat_map(|decoded| &decoded.sound_errors).sum::<u64>();
    let now = sound.iter().map(|track| decoded::errors(track, finished)).sum::<u64>();
    DecodedSource {
        pictures: (!pictures.is_empty()).then(|| decoded::believed(all, false)),
        sound_errors: vec![earlier + now],
    }
}

/// A part that can be read from its beginning to its end: as it is, or rewritten into `file`, with
/// what was decoded for that.
async fn ready(
    tools: &Tools,
    input: Input,
    file: &Path,
    on_micros: &mut (impl FnMut(u64) + Send),
) -> Result<(Part, Option<DecodedSource>), Error> {
    let mut facts = probe(tools, &input, &mut *on_micros).await?;
    facts.non_standard.retain(|reason| *reason != NonStandard::ProgrammeChange);
    if facts.non_standard.is_empty() {
        return Ok((Part { input, facts }, None));
    }
    let decoded = rewrite(tools, &input, &facts, file, on_micros).await?;
    let input = Input::Path(file.to_owned());
    let facts = probe(tools, &input, on_micros).await?;
    Ok((Part { input, facts }, decoded))
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
