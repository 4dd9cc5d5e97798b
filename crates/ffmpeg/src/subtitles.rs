//! The run that reads text subtitles.

use std::{path::Path, time::Duration};

use fs_err::tokio as fs;
use media::subtitles::Event;

use crate::args::{self, TrackFiles};
use crate::run::STALL;
use crate::{Error, Input, Tools, run};

/// Decodes the text tracks with these stream indexes in one reading of the source; one list of
/// events per track. `dir` takes files of its own; run twice, it overwrites them.
pub async fn read_subtitles(
    tools: &Tools,
    input: &Input,
    streams: &[u32],
    dir: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<Vec<Vec<Event>>, Error> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let tracks: Vec<(u32, TrackFiles)> =
        (0..).zip(streams).map(|(at, stream)| (*stream, TrackFiles::new(dir, at))).collect();
    let command = tools.ffmpeg().args(args::subtitles(input, &tracks));
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    run(command, |progress| on_micros(micros(progress.out_time)), STALL).await?;
    let mut events = Vec::new();
    for (_, files) in &tracks {
        let times = fs::read_to_string(&files.times).await.map_err(unreadable)?;
        let texts = fs::read(&files.texts).await.map_err(unreadable)?;
        events.push(args::events(&times, &texts));
    }
    Ok(events)
}

fn unreadable(source: std::io::Error) -> Error {
    Error::Io { action: "read decoded subtitles".into(), source }
}
