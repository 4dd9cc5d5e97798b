//! The run that joins finished segments into a progressive MP4.

use std::{path::Path, time::Duration};

use media::rate::Grid;

use crate::{Error, Tools, args, run};

/// A run whose progress stands still this long is killed. Long, because nothing is reported while the
/// index is moved to the front of the file, which copies all of it.
const STALL: Duration = Duration::from_mins(10);

/// Copies a fragmented file of pictures, and one of sound, into the progressive MP4 `output`, index
/// first, the first picture shown at zero. `language` is that of the sound. Run twice, it overwrites
/// the output.
pub async fn remux(
    tools: &Tools,
    video: &Path,
    audio: Option<&Path>,
    grid: Grid,
    language: Option<&str>,
    output: &Path,
) -> Result<(), Error> {
    let args = args::remux(video, audio, grid, language, output);
    run(tools.ours().args(args), |_| {}, STALL).await?;
    Ok(())
}
