//! Draws the watermark once for every rung.
//!
//! Run twice, the second run finds the record; without the record it draws the same pictures again.

use std::path::{Path, PathBuf};

use contract::{
    ErrorCode,
    render_watermark::{Input, NAME, Output},
};
use media::{
    ladder::Rung,
    options::{WatermarkImage, WatermarkOption},
    plan::{Mark, Watermark},
    watermark::{Lettering, image_box, margin},
};
use storage::{Bucket, Object, layout::Layout};

use crate::{
    Deps, download_source::stored, failure::Error, fingerprint, manifests::once, pulse::Pulse,
};

/// Largest image in bytes.
const IMAGE_BYTES_MAX: u64 = 20 << 20;

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let fingerprint = fingerprint::input(NAME, &input);
    let record = Layout::new(input.video).record(NAME, &fingerprint)?;
    let work = Box::pin(make(deps, pulse, &input, &fingerprint));
    once(deps, &record, "the watermark's record", work).await.map(|(output, _)| output)
}

async fn make(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    fingerprint: &str,
) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let scratch = deps.scratch.attempt(&format!("watermark-{}", input.video))?;
    let dir = scratch.path();
    let image = match &input.option.image {
        Some(image) => Some(bring(deps, image, &dir.join("image")).await?),
        None => None,
    };
    let mut marks = Vec::new();
    for (index, rung) in input.rungs.iter().enumerate() {
        pulse.set(&index);
        let drawn = match &image {
            Some(image) => draw_image(deps, image, rung, &input.option, dir).await?,
            None => draw_text(deps, rung, &input.option, dir).await?,
        };
        let object = layout.work_file(&format!("watermark-{fingerprint}-{index}.png"))?;
        deps.store.put_file(&object, &drawn).await?;
        let (bucket, key) = (object.bucket().as_str().to_owned(), object.key().to_owned());
        marks.push(Mark { bucket, key, margin: margin(rung) });
    }
    Ok(Watermark { position: input.option.position, marks })
}

async fn draw_text(
    deps: &Deps,
    rung: &Rung,
    option: &WatermarkOption,
    dir: &Path,
) -> Result<PathBuf, Error> {
    let text = option.text.as_deref().unwrap_or_default();
    let lettering = Lettering::new(rung, option.share(), option.position);
    let drawn = ffmpeg::draw_text(&deps.tools, text, lettering, option.opacity, dir).await?;
    drawn.ok_or_else(|| {
        let message = "nothing of the watermark's text can be drawn: its letters are invisible, too \
                       small for this picture, or in no font that the worker has";
        Error::media(ErrorCode::OptionNotMet, message)
    })
}

async fn draw_image(
    deps: &Deps,
    image: &Path,
    rung: &Rung,
    option: &WatermarkOption,
    dir: &Path,
) -> Result<PathBuf, Error> {
    let (input, within) = (ffmpeg::Input::Path(image.to_owned()), image_box(rung, option.share()));
    let drawn = ffmpeg::draw_image(&deps.tools, &input, within, option.opacity, dir).await;
    let unusable = |why: &str| {
        let message =
            format!("the watermark's image cannot be used ({why}): give a PNG, JPEG or WebP");
        Error::media(ErrorCode::UnsupportedMedia, message)
    };
    drawn.map_err(|error| match error {
        ffmpeg::Error::InvalidData { detail } => unusable(&detail),
        ffmpeg::Error::UnacceptedFormat { format } => unusable(&format!("it is `{format}`")),
        other => other.into(),
    })
}

/// Copies the image to `dest`, under a name of our own: names from outside may hold patterns.
async fn bring(deps: &Deps, image: &WatermarkImage, dest: &Path) -> Result<PathBuf, Error> {
    if let Some(url) = &image.url {
        let url = url.parse().map_err(|error| {
            let message = format!("the watermark's image has no valid address: {error}");
            Error::media(ErrorCode::SourceForbidden, message)
        })?;
        let fetched = deps.fetch.limited(IMAGE_BYTES_MAX).download(&url, dest, |_| {}).await?;
        return Ok(fetched.path);
    }
    let (bucket, key) = (image.bucket.as_deref(), image.key.as_deref());
    let object = Object::new(Bucket::named(bucket.unwrap_or_default())?, key.unwrap_or_default())?;
    if stored(deps, &object).await?.bytes > IMAGE_BYTES_MAX {
        let message = format!("the watermark's image is larger than {IMAGE_BYTES_MAX} bytes");
        return Err(Error::media(ErrorCode::SourceTooLarge, message));
    }
    deps.store.get_file(&object, dest).await?;
    Ok(dest.to_owned())
}

#[cfg(test)]
mod tests;
