//! Makes the video's still picture, or that of its cover. Run twice, the second run finds the
//! record and decodes nothing.

mod moment;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use contract::{
    ErrorCode, ThumbnailSize,
    make_thumbnail::{Input, NAME, Output},
};
use media::thumbnail;
use storage::layout::Layout;

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse, source};

const RECORD: &str = "the record of the thumbnail";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    Ok(once(deps, &record, RECORD, Box::pin(make(deps, pulse, &input))).await?.0)
}

async fn make(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let source = source::open(deps, &input.source).await?;
    source.during(Box::pin(draw(deps, pulse, input, source.input()))).await
}

async fn draw(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    source: &ffmpeg::Input,
) -> Result<Output, Error> {
    let scratch = deps.scratch.attempt(&format!("thumbnail-{}", input.video))?;
    let (tools, dir, widths) = (&deps.tools, scratch.path(), &input.option.widths);
    let Some(video) = &input.facts.video else {
        let Some(stream) = input.facts.cover else {
            let message = "a thumbnail was asked for, but the source has no picture and no cover";
            return Err(Error::media(ErrorCode::OptionNotMet, message));
        };
        let (width, height) = ffmpeg::cover_size(tools, source, stream).await?;
        let sizes = thumbnail::sizes((f64::from(width), f64::from(height)), widths);
        let files = ffmpeg::cover(tools, source, stream, &sizes, dir).await?;
        return store(deps, input, &sizes, &files, None).await;
    };
    let frame = moment::choose(deps, pulse, input, source, video, dir).await?;
    let sizes = thumbnail::sizes(video.display_size(), widths);
    let beat = || pulse.set(&frame);
    let files = ffmpeg::still(tools, source, &input.facts, frame, &sizes, dir, beat).await?;
    let at_seconds = video.timeline.grid().seconds(frame);
    store(deps, input, &sizes, &files, Some(at_seconds)).await
}

/// Stores the further sizes, then the picture itself.
async fn store(
    deps: &Deps,
    input: &Input,
    sizes: &[(u32, u32)],
    files: &[PathBuf],
    at_seconds: Option<f64>,
) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let mut made = Vec::new();
    for (at, (&(width, height), file)) in sizes.iter().zip(files).enumerate() {
        let name =
            if at == 0 { "thumbnail.jpg".to_owned() } else { format!("thumbnail-{width}.jpg") };
        let object = layout.thumbnail(&name)?;
        deps.store.put_file(&object, file).await?;
        made.push(ThumbnailSize { image: object.to_string(), width, height });
    }
    let ThumbnailSize { image, width, height } = made.remove(0);
    Ok(Output { image, width, height, at_seconds, sizes: made })
}
