//! What a chunk run says about its decoding: the time of every picture.

use media::plan::VideoPlan;

use super::graph;
use crate::args::listed_times;

/// What a chunk run decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// Distinct pictures shown within the chunk.
    pub(crate) pictures: u64,
    /// True when the picture shown at the chunk's first frame is among them, and the one before it
    /// where that is needed: then seeking from further ahead would change nothing.
    pub(crate) from_the_start: bool,
}

/// Reads a `framecrc` list: lines of `stream, dts, pts, duration, size, crc`, where the times are
/// source ticks from the first picture of the video.
pub(crate) fn decoded_within(framecrc: &str, plan: &VideoPlan, index: u32) -> Decoded {
    let frames = plan.chunk(index);
    let line = &plan.facts.timeline;
    let begin = line.first_tick_of(frames.start);
    let needed_before = graph::needed_before(plan, frames.start);
    let end = if index + 1 < plan.chunks { line.first_tick_of(frames.end) } else { i64::MAX };
    let mut decoded = Decoded { pictures: 0, from_the_start: false };
    let mut before = None;
    for time in listed_times(framecrc) {
        decoded.from_the_start |= time < needed_before;
        if time >= begin && time < end && before != Some(time) {
            decoded.pictures += 1;
        }
        before = Some(time);
    }
    decoded
}
