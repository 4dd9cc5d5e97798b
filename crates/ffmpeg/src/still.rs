//! Writes one picture of a video, or its cover, as JPEG.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::tokio as fs;
use media::source::{SourceFacts, VideoFacts};
use media::thumbnail::Gray;

use crate::args::{self, Form, Seek, Track};
use crate::failure::judge_output;
use crate::input::input_args;
use crate::run::STALL;
use crate::{Error, Input, Tools, run};

/// How much earlier a second try starts where a seek landed late.
const EARLIER_US: i64 = 30_000_000;
/// Longest a look at the header may take.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// Writes frame `frame` of the output grid in each of `sizes` into `dir`, and returns the files in
/// the same order; `on_step` is called while it moves.
///
/// Seeks, and believes the seek only when the pictures decoded include the one wanted, none of them
/// needed what lies before the seek, and none was damaged; otherwise it decodes from earlier, and at last from the start. Run twice, it writes the
/// same files.
pub async fn still(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
    frame: u64,
    sizes: &[(u32, u32)],
    dir: &Path,
    mut on_step: impl FnMut() + Send,
) -> Result<Vec<PathBuf>, Error> {
    let files = files(sizes, dir);
    let forms = sizes.iter().map(|&(width, height)| Form::Jpeg(width, height));
    let outputs: Vec<_> = forms.zip(files.iter().map(PathBuf::as_path)).collect();
    write(tools, input, source, frame, &outputs, &mut on_step).await?;
    Ok(files)
}

/// Frame `frame` of the output grid as a small gray picture, found as [`still`] finds it.
pub async fn look(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
    frame: u64,
    dir: &Path,
    mut on_step: impl FnMut() + Send,
) -> Result<Gray, Error> {
    let display = source.video.as_ref().map_or((1.0, 1.0), VideoFacts::display_size);
    let (width, height) = media::thumbnail::size(display, Gray::WIDTH);
    let raw = dir.join("look.raw");
    let outputs = [(Form::Gray(width, height), raw.as_path())];
    write(tools, input, source, frame, &outputs, &mut on_step).await?;
    let read = fs::read(&raw).await;
    let pixels =
        read.map_err(|source| Error::Io { action: "read a small picture".into(), source })?;
    Ok(Gray { width: width as usize, pixels })
}

/// Writes one frame, seeking as long as a seek can be believed.
async fn write(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
    frame: u64,
    outputs: &[(Form, &Path)],
    on_step: &mut (impl FnMut() + Send),
) -> Result<(), Error> {
    let track = Track::new(input, source).ok_or(Error::NoStreams)?;
    let times = outputs[0].1.with_extension("crc");
    let mut damaged = false;
    for seek in [Seek::Index, Seek::Early(EARLIER_US), Seek::Start] {
        if damaged && seek == Seek::Start {
            // It was found, but not whole, from half a minute before: so it is in the source.
            return Ok(());
        }
        let args = args::still(track, frame, seek, outputs, &times);
        let ran = run(tools.ffmpeg().args(args), |_| on_step(), STALL).await;
        let listed = fs::read_to_string(&times).await.unwrap_or_default();
        let from_start = args::reads_whole(track, frame, seek);
        let holds = args::holds(&listed, track, frame);
        match ran {
            Ok(_) if holds && from_start => return Ok(()),
            Ok(finished) if holds && finished.whole && finished.decode_errors == 0 => {
                return Ok(());
            }
            Ok(finished) => damaged = holds && finished.whole,
            Err(Error::Failed { .. } | Error::InvalidData { .. }) if seek != Seek::Start => {
                damaged = false;
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::InvalidData { detail: format!("no picture can be decoded at frame {frame}") })
}

/// True when a seek to `frame` of the output grid shows a picture that needs no other, before the one
/// wanted. Nothing is written.
pub(crate) async fn seek_is_whole(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
    frame: u64,
) -> Result<bool, Error> {
    let nowhere = Path::new("/dev/null");
    let track = Track::new(input, source).ok_or(Error::NoStreams)?;
    let args = args::still(track, frame, Seek::Index, &[(Form::Gray(16, 16), nowhere)], nowhere);
    match run(tools.ffmpeg().args(args), |_| {}, STALL).await {
        Ok(finished) => Ok(finished.whole || args::reads_whole(track, frame, Seek::Index)),
        Err(Error::Failed { .. } | Error::InvalidData { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Width and height of a cover.
pub async fn cover_size(tools: &Tools, input: &Input, stream: u32) -> Result<(u32, u32), Error> {
    let command = tools
        .ffprobe()
        .args(["-v", "repeat+level+error", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=width,height"])
        .args(["-select_streams".to_owned(), stream.to_string()])
        .args(input_args(input));
    let output = command.output(HEADER_TIMEOUT).await?;
    judge_output(&tools.ffprobe.display().to_string(), &output)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut sides = text.trim().split(',').map_while(|side| side.parse().ok());
    match (sides.next(), sides.next()) {
        (Some(width), Some(height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err(Error::InvalidData { detail: "the cover has no size".to_owned() }),
    }
}

/// Writes a cover in each of `sizes` into `dir`, and returns the files in the same order.
pub async fn cover(
    tools: &Tools,
    input: &Input,
    stream: u32,
    sizes: &[(u32, u32)],
    dir: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let files = files(sizes, dir);
    let outputs: Vec<_> = sizes.iter().copied().zip(files.iter().map(PathBuf::as_path)).collect();
    let args = args::cover(input, stream, &outputs);
    run(tools.ffmpeg().args(args), |_| {}, STALL).await?;
    Ok(files)
}

fn files(sizes: &[(u32, u32)], dir: &Path) -> Vec<PathBuf> {
    (0..sizes.len()).map(|at| dir.join(format!("still-{at}.jpg"))).collect()
}
