//! How much of a source may be lost before the video is refused.

use contract::{ErrorCode, Warning, verify_video};
use media::source::{Scan, SourceFacts};

use crate::failure::Stop;

/// At most one picture in so many may be missing from what a header promises.
const LOSS_MAX: u64 = 20;
/// At most one picture in so many may fail to decode, however the source is read: what can be seen of
/// a damaged recording is worth more than nothing.
const UNDECODED_MAX: u64 = 2;

/// Refuses a source whose header promises far more pictures than the file holds.
pub(super) fn refuse_truncated(facts: &SourceFacts) -> Result<(), Stop> {
    let Some(video) = &facts.video else { return Ok(()) };
    let Some(promised) = video.frames_promised else { return Ok(()) };
    if !too_few(video.packets, promised, LOSS_MAX) {
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
pub(super) fn lost(before: Option<u64>, rewritten: &SourceFacts) -> Result<Option<Warning>, Stop> {
    let left = rewritten.video.as_ref().map(|video| video.timeline.frames);
    let Some((before, left)) = before.zip(left) else { return Ok(None) };
    refuse_undecoded(left, before)?;
    let lost = before.saturating_sub(left);
    let message = format!(
        "{lost} of {before} pictures could not be decoded, as those before the first key frame"
    );
    Ok((lost > 0).then(|| Warning {
        step: "normalize".to_owned(),
        code: ErrorCode::DamagedMedia,
        message,
    }))
}

fn refuse_undecoded(decoded: u64, frames: u64) -> Result<(), Stop> {
    if !too_few(decoded, frames, UNDECODED_MAX) {
        return Ok(());
    }
    let message = format!("only {decoded} of {frames} pictures could be decoded");
    Err(Stop::failed(ErrorCode::CorruptMedia, message))
}

/// Judges what the decoders met: nothing, a warning, or too much.
pub(super) fn judge(
    facts: &SourceFacts,
    checked: &verify_video::Output,
) -> Result<Option<Warning>, Stop> {
    let (decoded, damaged, errors) = (checked.decoded, checked.damaged, checked.decode_errors);
    let frames = facts.video.as_ref().map_or(0, |video| video.timeline.frames);
    refuse_undecoded(decoded, frames)?;
    let errors = errors + facts.demux_errors;
    if errors == 0 && damaged == 0 && decoded >= frames {
        return Ok(None);
    }
    let pictures = if facts.video.is_some() {
        // The probe may miss a picture that is decoded all the same.
        let decoded = decoded.min(frames);
        format!("{decoded} of {frames} pictures decoded, {damaged} of them damaged, ")
    } else {
        String::new()
    };
    let message = format!("the source is damaged: {pictures}{errors} errors");
    Ok(Some(Warning { step: "encode".to_owned(), code: ErrorCode::DamagedMedia, message }))
}

/// True when more than one in `share` is missing.
fn too_few(got: u64, wanted: u64, share: u64) -> bool {
    wanted.saturating_sub(got) * share > wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(frames: u64) -> SourceFacts {
        let mut facts: SourceFacts =
            serde_json::from_str(include_str!("../../tests/it/facts.json")).expect("facts");
        facts.video.as_mut().expect("pictures").timeline.frames = frames;
        facts
    }

    #[test]
    fn one_rule_says_how_much_may_not_decode() {
        for (left, refused) in [(100, false), (94, false), (50, false), (49, true)] {
            let rewritten = lost(Some(100), &facts(left));
            assert_eq!(rewritten.is_err(), refused, "{left}");
            assert_eq!(refuse_undecoded(left, 100).is_err(), refused, "{left}");
            if let Ok(warning) = rewritten {
                let said = warning.map(|it| it.message);
                let lost = 100 - left;
                let counted = |it: &String| it.starts_with(&format!("{lost} of 100 pictures"));
                assert_eq!(said.as_ref().is_some_and(counted), lost > 0, "{said:?}");
            }
        }
    }
}
