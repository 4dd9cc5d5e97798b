//! How much of a source may be lost before the video is refused.

use contract::{ErrorCode, Warning, verify_video};
use media::source::SourceFacts;

use crate::failure::Stop;

/// At most one picture in so many may be lost.
const LOSS_MAX: u64 = 20;

/// Refuses a source whose header promises far more pictures than the file holds.
pub(super) fn refuse_truncated(facts: &SourceFacts) -> Result<(), Stop> {
    let Some(video) = &facts.video else { return Ok(()) };
    let Some(promised) = video.frames_promised else { return Ok(()) };
    if !too_few(video.packets, promised) {
        return Ok(());
    }
    let message = format!(
        "the source is cut short: its header promises {promised} pictures, the file holds {}; upload it again",
        video.packets
    );
    Err(Stop::failed(ErrorCode::CorruptMedia, message))
}

/// Judges what the decoders met: nothing, a warning, or too much.
pub(super) fn judge(
    facts: &SourceFacts,
    checked: &verify_video::Output,
) -> Result<Option<Warning>, Stop> {
    let (decoded, damaged, errors) = (checked.decoded, checked.damaged, checked.decode_errors);
    let frames = facts.video.as_ref().map_or(0, |video| video.timeline.frames);
    if too_few(decoded, frames) {
        let message = format!(
            "only {decoded} of {frames} pictures could be decoded ({errors} decoder errors)"
        );
        return Err(Stop::failed(ErrorCode::CorruptMedia, message));
    }
    let errors = errors + facts.demux_errors;
    if errors == 0 && damaged == 0 && decoded >= frames {
        return Ok(None);
    }
    let message = format!(
        "the source is damaged: {decoded} of {frames} pictures decoded, {damaged} of them damaged, {errors} errors"
    );
    Ok(Some(Warning { step: "encode".to_owned(), code: ErrorCode::DamagedMedia, message }))
}

fn too_few(got: u64, wanted: u64) -> bool {
    wanted.saturating_sub(got) * LOSS_MAX > wanted
}
