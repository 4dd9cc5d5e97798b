//! How much of a source may be lost before the video is refused.

use contract::{ErrorCode, Warning, verify_video};
use media::manifest::DecodedPictures;
use media::source::SourceFacts;

use crate::failure::Stop;

/// At most one picture in so many may be missing from a file that was cut short.
const MISSING_MAX: u64 = 20;

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

/// Judges what decoders met while the source was rewritten: nothing, a warning, or too much.
/// `facts` are those of the source as it came.
pub(super) fn rewritten(
    facts: &SourceFacts,
    pictures: &DecodedPictures,
) -> Result<Option<Warning>, Stop> {
    verdict("normalize", pictures, facts.demux_errors)
}

/// Judges what the decoders of the chunks met.
pub(super) fn judge(
    facts: &SourceFacts,
    checked: &verify_video::Output,
) -> Result<Option<Warning>, Stop> {
    let pictures = DecodedPictures {
        expected: facts.video.as_ref().map_or(0, |video| video.timeline.frames),
        decoded: checked.decoded,
        damaged: checked.damaged,
        leading: 0,
        errors: checked.decode_errors,
    };
    verdict("encode", &pictures, facts.demux_errors)
}

/// Any loss is a warning with its numbers; only what is hardly there any more is refused. Pictures in
/// front of the first key frame were never there to be seen.
fn verdict(
    step: &str,
    pictures: &DecodedPictures,
    demux_errors: u64,
) -> Result<Option<Warning>, Stop> {
    let DecodedPictures { expected, decoded, damaged, leading, errors } = *pictures;
    let (lost, errors) = (pictures.lost(), errors + demux_errors);
    let shown = expected.saturating_sub(leading);
    if shown.saturating_sub(decoded) > shown / 2 {
        let message = format!(
            "only {decoded} of {expected} pictures could be decoded ({errors} decoder errors)"
        );
        return Err(Stop::failed(ErrorCode::CorruptMedia, message));
    }
    if errors == 0 && damaged == 0 && lost == 0 {
        return Ok(None);
    }
    let late = match leading {
        0 => String::new(),
        leading => format!("; {leading} stand before the first that can be decoded"),
    };
    let message = match expected {
        0 => format!("the source is damaged: {errors} errors"),
        _ => format!(
            "the source is damaged: {decoded} of {expected} pictures decoded, {damaged} of them damaged, {errors} errors{late}"
        ),
    };
    Ok(Some(Warning { step: step.to_owned(), code: ErrorCode::DamagedMedia, message }))
}

fn too_few(got: u64, wanted: u64) -> bool {
    wanted.saturating_sub(got) * MISSING_MAX > wanted
}
