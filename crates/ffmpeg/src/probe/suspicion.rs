//! Why a source cannot be cut where it stands.

use media::source::NonStandard;
use media::timeline::Timeline;

use super::header::Stream;
use super::packets::VideoTrack;

/// Containers without an index that seeks can rely on.
const UNINDEXED: [&str; 8] =
    ["mpegvideo", "h264", "hevc", "m4v", "obu", "ivf", "yuv4mpegpipe", "gif"];
/// Longest stretch between key frames that every chunk may have to decode again, in seconds.
const KEY_INTERVAL_MAX: f64 = 120.0;

/// Every reason, in a fixed order; none for a standard source.
pub(super) fn reasons(
    container: &str,
    stream: &Stream,
    timeline: &Timeline,
    track: &VideoTrack,
) -> Vec<NonStandard> {
    let defects = &track.defects;
    let raw = container.split(',').any(|name| UNINDEXED.contains(&name));
    let packed = stream.codec_tag_string.eq_ignore_ascii_case("xvid")
        || container.split(',').any(|name| name == "avi");
    let between_keys = timeline.rate.as_f64().max(1.0) * KEY_INTERVAL_MAX;
    [
        (raw, NonStandard::NoIndex),
        (defects.missing > 0 || packed, NonStandard::MissingTimestamps),
        (defects.jump || defects.repeated > 0, NonStandard::BrokenTimestamps),
        (defects.no_leading_key, NonStandard::NoLeadingKeyFrame),
        (timeline.key_interval_max as f64 > between_keys, NonStandard::SparseKeyFrames),
    ]
    .into_iter()
    .filter_map(|(found, reason)| found.then_some(reason))
    .collect()
}
