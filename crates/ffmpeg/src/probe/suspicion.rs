//! Why a source cannot be cut as it is.

use media::source::{NonStandard, Seeks};
use media::timeline::{Defects, Timeline};

use super::header::Stream;

/// Containers without an index that seeks can rely on.
const UNINDEXED: [&str; 8] =
    ["mpegvideo", "h264", "hevc", "m4v", "obu", "ivf", "yuv4mpegpipe", "gif"];

/// Every reason, in a fixed order; none for a standard source. `broken` says that stamps have to be
/// corrected.
pub(super) fn reasons(
    container: &str,
    stream: &Stream,
    timeline: &Timeline,
    defects: Defects,
    broken: bool,
) -> Vec<NonStandard> {
    let raw = container.split(',').any(|name| UNINDEXED.contains(&name));
    let packed = stream.codec_tag_string.eq_ignore_ascii_case("xvid")
        || container.split(',').any(|name| name == "avi");
    // What counts is how many pictures are decoded: where they come seldom, a long way is cheap.
    let interval = timeline.key_interval_max as f64 / timeline.rate.as_f64().max(1.0);
    [
        (raw, NonStandard::NoIndex),
        (defects.missing > 0 || packed, NonStandard::MissingTimestamps),
        (broken || defects.repeated > 0, NonStandard::BrokenTimestamps),
        (defects.no_leading_key, NonStandard::NoLeadingKeyFrame),
        (interval > Seeks::of(container).key_interval_max(), NonStandard::SparseKeyFrames),
    ]
    .into_iter()
    .filter_map(|(found, reason)| found.then_some(reason))
    .collect()
}
