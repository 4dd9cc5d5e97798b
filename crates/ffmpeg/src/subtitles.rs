//! The run that reads text subtitles.

use std::{path::Path, time::Duration};

use media::subtitles::Event;

use crate::args::{self, TrackFiles};
use crate::run::STALL;
use crate::{Error, Input, Tools, run};

/// A text track as it was decoded into files.
#[derive(Debug)]
pub struct DecodedTrack(TrackFiles);

impl DecodedTrack {
    /// Reads the texts, 32 MiB of them at most. Blocks: call it on a thread that may.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        let times = fs_err::read_to_string(&self.0.times).map_err(unreadable)?;
        let texts = fs_err::read(&self.0.texts).map_err(unreadable)?;
        Ok(args::events(&times, &texts))
    }
}

/// Decodes the text tracks with these stream indexes in one reading of the source, in their order.
/// `dir` takes files of its own, which the tracks are read from; run twice, it overwrites them.
pub async fn read_subtitles(
    tools: &Tools,
    input: &Input,
    streams: &[u32],
    dir: &Path,
    mut on_micros: impl FnMut(u64) + Send,
) -> Result<Vec<DecodedTrack>, Error> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let tracks: Vec<(u32, TrackFiles)> =
        (0..).zip(streams).map(|(at, stream)| (*stream, TrackFiles::new(dir, at))).collect();
    let command = tools.ffmpeg().args(args::subtitles(input, &tracks));
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    run(command, |progress| on_micros(micros(progress.out_time)), STALL).await?;
    Ok(tracks.into_iter().map(|(_, files)| DecodedTrack(files)).collect())
}

fn unreadable(source: std::io::Error) -> Error {
    Error::Io { action: "read decoded subtitles".into(), source }
}
