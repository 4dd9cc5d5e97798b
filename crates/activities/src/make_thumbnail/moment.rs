//! Which frame becomes the still picture: looks at small pictures and has `media` choose.

use std::path::Path;

use contract::{ErrorCode, make_thumbnail::Input};
use media::{
    chapters::frame_at,
    options::{ChaptersOption, ThumbnailMode},
    source::VideoFacts,
    thumbnail,
};

use crate::{Deps, failure::Error, pulse::Pulse};

/// The frame of the output grid.
pub(super) async fn choose(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    source: &ffmpeg::Input,
    video: &VideoFacts,
    dir: &Path,
) -> Result<u64, Error> {
    if input.option.mode == ThumbnailMode::Timestamp {
        return asked(video, input.option.at_seconds.unwrap_or(0.0));
    }
    if input.option.mode == ThumbnailMode::Scene
        && let Some(frame) = after_strongest(deps, pulse, input, source, video, dir).await?
    {
        return Ok(frame);
    }
    let grid = video.timeline.grid();
    let moments = thumbnail::candidates(grid.micros(grid.frames), grid.frames);
    let mut steps = 0_u64;
    let beat = || {
        steps += 1;
        pulse.set(&steps);
    };
    let samples = ffmpeg::samples(&deps.tools, source, &input.facts, moments, dir, beat).await?;
    let pictures: Vec<_> = samples.iter().map(|sample| sample.picture.clone()).collect();
    let chosen_us = thumbnail::best(&pictures).map_or(0, |at| samples[at].at_us);
    Ok(frame_at(chosen_us, grid))
}

/// The frame shown at a time.
fn asked(video: &VideoFacts, at_seconds: f64) -> Result<u64, Error> {
    let grid = video.timeline.grid();
    thumbnail::frame_shown(at_seconds, grid).ok_or_else(|| {
        let duration = grid.duration_seconds();
        let message =
            format!("thumbnail.at_seconds is {at_seconds}, but the video ends at {duration:.3} s");
        Error::media(ErrorCode::InvalidOptions, message)
    })
}

/// A clear picture shortly after the strongest scene change; `None` in a video without changes.
async fn after_strongest(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    source: &ffmpeg::Input,
    video: &VideoFacts,
    dir: &Path,
) -> Result<Option<u64>, Error> {
    let (tools, grid) = (&deps.tools, video.timeline.grid());
    let threshold = ChaptersOption::default().scene_threshold;
    let end_us = grid.micros(grid.frames).min(thumbnail::SEARCH_US);
    let beat = |micros: u64| pulse.set(&micros);
    let changes =
        ffmpeg::changes(tools, source, &input.facts, threshold, end_us, dir, beat).await?;
    let mut seen = Vec::new();
    for frames in thumbnail::scenes(&changes, threshold, grid) {
        let first = seen.len();
        for frame in frames {
            let look = ffmpeg::look(tools, source, &input.facts, frame, dir, || pulse.set(&frame));
            seen.push((frame, look.await?));
        }
        let pictures: Vec<_> = seen[first..].iter().map(|(_, picture)| picture.clone()).collect();
        if let Some(best) = thumbnail::best(&pictures).filter(|&at| pictures[at].is_clear()) {
            return Ok(Some(seen[first + best].0));
        }
    }
    let pictures: Vec<_> = seen.iter().map(|(_, picture)| picture.clone()).collect();
    Ok(thumbnail::best(&pictures).map(|at| seen[at].0))
}
