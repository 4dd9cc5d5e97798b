//! How much of a source may be lost before the video is refused.

use contract::{ErrorCode, Warning, verify_video};
use media::source::{Scan, SourceFacts};

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

/// What was wrong with the stamps of a source and is put right.
pub(super) fn repaired(facts: &SourceFacts) -> Vec<Warning> {
    let repairs = facts.repairs.iter().map(|repair| Warning {
        step: "probe".to_owned(),
        code: ErrorCode::DamagedMedia,
        message: repair.to_string(),
    });
    repairs.collect()
}

/// Pictures of a source that may be rewritten; `None` where two of them can be the fields of one.
pub(super) fn pictures(facts: &SourceFacts) -> Option<u64> {
    let video = facts.video.as_ref().filter(|video| video.scan() == Scan::Progressive)?;
    Some(video.timeline.frames)
}

/// Pictures that the rewriting could not decode, of as many as there were before it: most often
/// those in front of the first key frame.
pub(super) fn lost(before: Option<u64>, rewritten: &SourceFacts) -> Option<Warning> {
    let (before, left) = (before?, rewritten.video.as_ref()?.timeline.frames);
    let lost = before.saturating_sub(left);
    let message = format!(
        "{lost} of {before} pictures could not be decoded, as those before the first key frame"
    );
    (lost > 0).then(|| Warning {
        step: "normalize".to_owned(),
        code: ErrorCode::DamagedMedia,
        message,
    })
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
