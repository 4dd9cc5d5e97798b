//! Finds where the picture changes suddenly.

use std::path::Path;

use fs_err::tokio as fs;
use media::chapters::Change;
use media::source::SourceFacts;

use crate::args::{self, Track};
use crate::run::STALL;
use crate::{Error, Input, Tools, run};

/// Decodes the video up to `end_us` and returns every picture that may score `threshold` or more
/// against the one before it, in order; `on_micros` receives the position reached. Its list is
/// written into `dir`.
///
/// Run twice, it finds the same.
pub async fn changes(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
    threshold: f64,
    end_us: i64,
    dir: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<Vec<Change>, Error> {
    let track = Track::new(input, source).ok_or(Error::NoStreams)?;
    let list = dir.join("changes.txt");
    let args = args::scenes(track, Change::jump_min(threshold), end_us, &list);
    // The list is named within the graph.
    let command = tools.ffmpeg().args(args).writing(dir);
    run(command, |progress| on_micros(progress.micros()), STALL).await?;
    let read = fs::read_to_string(&list).await;
    let text = read.map_err(|source| Error::Io { action: "read what changed".into(), source })?;
    Ok(args::changes(&text, track.facts.timeline.time_base))
}
