//! What a chunk run says about its decoding: the time of every picture.

use media::plan::VideoPlan;

use crate::args::listed_times;

/// Counts the distinct pictures shown within chunk `index`, which its run decoded.
///
/// Reads a `framecrc` list: lines of `stream, dts, pts, duration, size, crc`, where the times are
/// source ticks from the first picture of the video.
pub(crate) fn decoded_within(framecrc: &str, plan: &VideoPlan, index: u32) -> u64 {
    let frames = plan.chunk(index);
    let line = &plan.facts.timeline;
    let begin = line.first_tick_of(frames.start);
    let end = if index + 1 < plan.chunks { line.first_tick_of(frames.end) } else { i64::MAX };
    let (mut pictures, mut before) = (0, None);
    for time in listed_times(framecrc) {
        if time >= begin && time < end && before != Some(time) {
            pictures += 1;
        }
        before = Some(time);
    }
    pictures
}
