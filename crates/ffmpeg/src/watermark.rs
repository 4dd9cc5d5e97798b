//! The runs that draw a watermark for one rung, as a PNG with its opacity in it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use fs_err::tokio as fs;
use media::watermark::{Fit, Ink, Lettering};

use crate::{Error, Input, Tools, args, run};

/// A run that takes this long is killed; it draws a single picture.
const STALL: Duration = Duration::from_secs(30);
/// Tries at most: the sizes are halved until a text is whole, then it is measured.
const TRIES: u32 = 12;

/// Draws a text into `dir`, with lines as high as `lettering` says, or less where it would not fit.
/// `None` when nothing of it can be seen, for want of a font or of letters. Run twice, it overwrites
/// its files.
pub async fn draw_text(
    tools: &Tools,
    text: &str,
    mut lettering: Lettering,
    opacity: f64,
    dir: &Path,
) -> Result<Option<PathBuf>, Error> {
    for _ in 0..TRIES {
        let Some(ink) = letters(tools, text, &lettering, dir).await? else { return Ok(None) };
        match lettering.judge(ink) {
            Fit::Again(nearer) => lettering = nearer,
            Fit::Fits => {
                let output = dir.join("mark.png");
                draw(tools, dir, args::cut(ink, opacity, &output)).await?;
                return Ok(Some(output));
            }
        }
    }
    Ok(None)
}

/// Brings an image to fit into `within`, enlarged or reduced, into `dir`. Of an animation the first
/// picture is taken. Run twice, it overwrites its file.
pub async fn draw_image(
    tools: &Tools,
    image: &Input,
    within: (u32, u32),
    opacity: f64,
    dir: &Path,
) -> Result<PathBuf, Error> {
    let output = dir.join("mark.png");
    match draw(tools, dir, args::image(image, within, opacity, &output)).await {
        // The graph is ours and always the same: what fails is the decoder.
        Ok(()) | Err(Error::Failed { code: Some(_), .. }) => {}
        Err(error) => return Err(error),
    }
    // ffmpeg may also end well when not a single picture came out of the decoder.
    match fs::metadata(&output).await {
        Ok(file) if file.len() > 0 => Ok(output),
        _ => Err(Error::InvalidData { detail: "it holds no whole picture".to_owned() }),
    }
}

async fn letters(
    tools: &Tools,
    text: &str,
    lettering: &Lettering,
    dir: &Path,
) -> Result<Option<Ink>, Error> {
    let io = |source| Error::Io { action: "draw letters in scratch".to_owned(), source };
    fs::write(dir.join(args::SCRIPT), lettering.script(text)).await.map_err(io)?;
    draw(tools, dir, args::letters(lettering.canvas)).await?;
    let said = fs::read_to_string(dir.join(args::INK)).await.map_err(io)?;
    Ok(args::ink(&said))
}

async fn draw(tools: &Tools, dir: &Path, args: Vec<std::ffi::OsString>) -> Result<(), Error> {
    run(tools.ours().args(args).current_dir(dir), |_| {}, STALL).await.map(|_| ())
}
