//! The filter graph of a chunk:
//!
//! ```text
//! decode → setpts (first picture = 0) → start → trim (source ticks) ┬→ progressive → fps on the grid → tpad → trim b − a ┬→ clean → mark → encoder
//!                                                                   │                                                    └→ … one per rung
//!                                                                   └→ 2×2 crop → framecrc: time of every decoded picture
//! ```
//!
//! HDR and wide gamuts are converted once, in the highest rung's size, before the rungs are split.

use std::fmt::Write as _;

use media::{ladder::Rung, options::Position, plan::VideoPlan, source::VideoFacts};

use super::Seek;
use crate::args::{
    from_zero, pads,
    picture::{self, Colors},
    seconds, start,
};

/// Where to seek, counted from the container's start as `-ss` does; `None` to read from the start.
pub(super) fn seek_us(plan: &VideoPlan, first: u64, seek: Seek) -> Option<i64> {
    let timeline = &plan.facts.timeline;
    let back = plan.facts.seek_back_us()
        + match seek {
            Seek::Start => return None,
            Seek::Index => 0,
            Seek::Early(us) => us,
        };
    // On a constant grid one picture itself is wanted; a quarter of a frame more makes sure that
    // rounding does not land on the key frame before it.
    let rounding = if timeline.constant { plan.grid.micros(1) / 4 } else { 0 };
    let wanted = plan.grid.micros(earliest(&plan.facts, first)) + rounding;
    let at = timeline.start_us() + wanted - back - plan.container_start_us;
    (first > 0 && at > 0).then_some(at)
}

/// The earliest frame at which a picture can have appeared that frame `first` needs: the one shown
/// there, and where fields are joined the one before it.
fn earliest(facts: &VideoFacts, first: u64) -> u64 {
    let shown = facts.timeline.shown_since(first);
    if picture::needs_neighbours(facts) {
        facts.timeline.shown_since(shown.saturating_sub(1))
    } else {
        shown
    }
}

/// Frames to either side within which the neighbour of a picture stands.
fn neighbour(facts: &VideoFacts) -> u64 {
    match (picture::needs_neighbours(facts), facts.timeline.constant) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => u64::from(facts.timeline.gap_frames_max),
    }
}

/// The tick before which a picture must have been decoded for the chunk's first frame to be whole.
pub(super) fn needed_before(plan: &VideoPlan, first: u64) -> i64 {
    let timeline = &plan.facts.timeline;
    let after = (first + 1).saturating_sub(neighbour(&plan.facts)).max(1);
    timeline.first_tick_of(after).max(timeline.after_first_picture())
}

/// The whole graph, with a watermark when there are `marks` of them, inputs 1 and following.
pub(super) fn graph(plan: &VideoPlan, index: u32, seek: Seek, marks: usize) -> String {
    let frames = plan.chunk(index);
    let count = frames.end - frames.start;
    // fps pads from `start_time` and drops what is shown before it; tpad holds the last picture
    // where the source has none. The list of decoded pictures tells how many were really there.
    // Frames are numbered over the whole video, because a muxer's offset would be in microseconds.
    let (held, eof) = held(plan, index);
    let mut graph = format!(
        "{},split[grid][list];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];\
         [grid]{}{held}fps=fps={}:start_time={}:round=near{eof},tpad=stop={count}:stop_mode=clone,trim=end_frame={count},setpts=PTS-STARTPTS{}",
        window(plan, index, seek),
        picture::progressive(&plan.facts),
        plan.grid.rate,
        seconds(plan.grid.micros(frames.start)),
        if frames.start > 0 { format!("+{}", frames.start) } else { String::new() },
    );
    let shared = plan.rungs.first().filter(|_| picture::changes_colors(&plan.facts));
    if let Some(highest) = shared {
        let _ = write!(graph, ",{}", picture::clean(&plan.facts, size(highest)));
    }
    let _ = write!(graph, ",split={}{}", plan.rungs.len(), pads("s", plan.rungs.len()));
    for (at, rung) in plan.rungs.iter().enumerate() {
        let (width, height) = size(rung);
        let scaled = match shared {
            Some(_) => format!("scale={width}:{height}:flags=bicubic,setsar=1"),
            None => picture::clean(&plan.facts, (width, height)),
        };
        let end = if at < marks { marked(plan, at) } else { format!("[v{at}]") };
        let _ = write!(graph, ";[s{at}]{scaled}{end}");
    }
    graph
}

/// Filters before fps, and options of it, that hold pictures over a chunk in which few appear: those
/// that appeared earlier are shown from its start on. fps of ffmpeg 5.1 drops the last picture where
/// its end is not known to reach the next frame, so that it is repeated once and its end rounded up.
fn held(plan: &VideoPlan, index: u32) -> (String, &'static str) {
    let (frames, timeline) = (plan.chunk(index), &plan.facts.timeline);
    if timeline.constant && timeline.frames > 1 && frames.end <= timeline.last_frame() + 1 {
        return (String::new(), "");
    }
    let late = match frames.start {
        0 => String::new(),
        start => format!("setpts=max(PTS\\,{}),", timeline.ticks(start)),
    };
    (format!("{late}tpad=stop=1:stop_mode=clone,"), ":eof_action=pass")
}

fn size(rung: &Rung) -> (u32, u32) {
    (rung.width, rung.height)
}

/// The track with times counted from its first picture, cut to what the chunk needs.
fn window(plan: &VideoPlan, index: u32, seek: Seek) -> String {
    let (frames, timeline) = (plan.chunk(index), &plan.facts.timeline);
    let start = timeline.first_tick_of(earliest(&plan.facts, frames.start));
    let end = timeline.first_tick_of(frames.end + neighbour(&plan.facts));
    let end = end.max(timeline.after_first_picture());
    let bounds: Vec<String> = [
        (start > i64::MIN && seek != Seek::Start).then(|| format!("start_pts={start}")),
        (index + 1 < plan.chunks).then(|| format!("end_pts={end}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut from = from_zero(&plan.facts);
    if frames.start > 0 {
        let whole_before = needed_before(plan, frames.start);
        let begins = timeline.first_tick_of(frames.start);
        let _ = write!(from, ",{}", start::marks(&plan.facts, whole_before, begins));
    }
    if bounds.is_empty() { from } else { format!("{from},trim={}", bounds.join(":")) }
}

/// Lays mark `at` over its rung. The mark takes over the grid's time base: from two different ones
/// overlay would compute a third, and round.
fn marked(plan: &VideoPlan, at: usize) -> String {
    let rate = plan.grid.rate;
    let Some((mark, position)) =
        plan.watermark.as_ref().and_then(|w| Some((w.marks.get(at)?, w.position)))
    else {
        return format!("[v{at}]");
    };
    format!(
        "[p{at}];[{}:0]settb={}/{},setpts=0,scale=out_color_matrix={}:out_range=tv,format=yuva420p[m{at}];\
         [p{at}][m{at}]overlay={}:eval=init:format=yuv420[v{at}]",
        at + 1,
        rate.den(),
        rate.num(),
        Colors::of(&plan.facts).scale_matrix(),
        place(position, mark.margin),
    )
}

fn place(position: Position, margin: u32) -> String {
    let (left, top) = (format!("x={margin}"), format!("y={margin}"));
    let (right, bottom) = (format!("x=W-w-{margin}"), format!("y=H-h-{margin}"));
    match position {
        Position::TopLeft => format!("{left}:{top}"),
        Position::TopRight => format!("{right}:{top}"),
        Position::BottomLeft => format!("{left}:{bottom}"),
        Position::BottomRight => format!("{right}:{bottom}"),
        Position::Center => "x=(W-w)/2:y=(H-h)/2".to_owned(),
    }
}
