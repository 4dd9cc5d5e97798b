//! How often a call of an activity is tried before it has failed for good.
//!
//! Two budgets. Temporal counts every try and ends a call at [`TRIES_MAX`]; that is large, because
//! most tries that end early say nothing about the work: the worker was stopped, killed or cut off.
//! Failures of the work itself are counted by the activity, which gives up after [`failures_max`].

use crate::{
    clean_up, download_source, encode_audio, export_video, normalize_source, package_video,
    probe_source, publish_video, transcode_chunk,
};

/// Tries of one call, whatever ended them. With the pauses between them, this many lost workers in a
/// row take about an hour.
pub const TRIES_MAX: u32 = 100;

/// Tries of a download: it is handed back, as often as it takes, while its tenant has all the places on
/// a worker that one tenant may have. With ten seconds each these are more than ten hours.
pub const TURNS_MAX: u32 = 4000;

/// Failures of the work itself after which a call of this activity is given up.
///
/// Five where a network is between us and the work, three for what a video cannot do without, two
/// for the rest. Activities whose workflow tries them for a fixed time are not limited here.
pub fn failures_max(activity: &str) -> u32 {
    match activity {
        download_source::NAME | export_video::NAME | clean_up::NAME => 5,
        probe_source::NAME
        | normalize_source::NAME
        | transcode_chunk::NAME
        | encode_audio::NAME
        | package_video::NAME
        | publish_video::NAME => 3,
        crate::begin_video::NAME
        | crate::record_outcome::NAME
        | crate::delete_video::NAME
        | crate::deliver_webhook::NAME => u32::MAX,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_work_end_a_call_long_before_its_tries_do() {
        for activity in [download_source::NAME, transcode_chunk::NAME, crate::make_sprites::NAME] {
            assert!((2..=5).contains(&failures_max(activity)), "{activity}");
        }
        assert_eq!(failures_max(crate::begin_video::NAME), u32::MAX);
    }
}
