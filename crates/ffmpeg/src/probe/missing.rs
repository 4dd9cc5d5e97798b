//! What a source lacks by its own account: sound between two packets, and the end that its header
//! promises.

use media::source::{Repair, SourceFacts};
use media::timeline::Hold;

use super::header::{Header, Stream};
use super::packets::Gaps;

/// Containers whose header says how long the file is. MP4 promises pictures, which is stricter.
const DATED: [&str; 4] = ["avi", "matroska", "flv", "asf"];
/// By how much a header may be wrong, in microseconds, and as a share.
const OFF_MAX: (i64, i64) = (1_000_000, 50);

/// The gaps in the sound that is played, and whether pictures are missing with it.
pub(super) fn sound(facts: &SourceFacts, gaps: &Gaps) -> Option<Repair> {
    if gaps.count == 0 {
        return None;
    }
    let zero = facts.start_us();
    let holds = facts.video.as_ref().map_or(&[][..], |video| &video.timeline.holds);
    let pictures = gaps.spans.iter().any(|&(from, to)| {
        let middle = i64::midpoint(from, to) - zero;
        let shown = |hold: &Hold| {
            let us =
                |frame: u64| facts.video.as_ref().map_or(0, |it| it.timeline.grid().micros(frame));
            (us(hold.from)..us(hold.to)).contains(&middle)
        };
        holds.iter().any(shown)
    });
    Some(Repair::SoundMissing {
        count: gaps.count,
        missing_us: gaps.us.unsigned_abs(),
        places_us: gaps.spans.iter().map(|(from, _)| from - zero).collect(),
        pictures,
    })
}

/// Says so where the file ends before its header says that it does. Texts may end later than all
/// else, so that files with texts are not judged.
pub(super) fn end(header: &Header, video: Option<&Stream>, facts: &SourceFacts) -> Option<Repair> {
    let dated = facts.container.split(',').any(|name| DATED.contains(&name));
    if !dated || header.streams.iter().any(Stream::is_subtitle) {
        return None;
    }
    // What ffmpeg gives as the duration of an AVI file is what it found of it.
    let counted = video.filter(|_| facts.container == "avi").and_then(Stream::counted_us);
    let promised = counted.or(header.format.duration_us())?;
    let pictures = facts.video.as_ref().map(|video| {
        let line = &video.timeline;
        (line.start_us(), line.start_us() + line.grid().micros(line.grid_frames))
    });
    let spans = || facts.audio.iter().map(|audio| (audio.start_us, audio.end_us)).chain(pictures);
    let (start, end) = (spans().map(|it| it.0).min()?, spans().map(|it| it.1).max()?);
    // Some writers count from zero, wherever the first packet lies.
    let held = end.max(end - start);
    let cut = promised - held > OFF_MAX.0.max(promised / OFF_MAX.1);
    let us = |us: i64| us.max(0).unsigned_abs();
    cut.then(|| Repair::CutShort { promised_us: us(promised), held_us: us(held) })
}
