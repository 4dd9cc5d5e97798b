//! Whatever a source or a request brings in number or size, a video ends: nothing is too large for
//! Temporal and tried again for ever.

use contract::{ErrorCode, completion::Outcome, video::Input};
use media::{bounds::SourceLimits, options::Mp4Option};

use crate::{bench::with_workers, script::Script};

/// More than half of what Temporal takes.
const PADDING: usize = 1_100_000;
/// More names than any request may hold today, of 20 bytes each; jobs from before had no limit.
const NAMES: usize = 50_000;

fn many_files(job: &mut Input) {
    let names = (0..NAMES).map(|n| format!("a-name-of-20-b-{n:05}"));
    job.options.mp4 = Some(Mp4Option::Rungs(names.collect()));
}

#[tokio::test]
async fn thousands_of_names_are_a_hundred_warnings() {
    with_workers(async |bench| {
        let script = Script { change: Some(many_files), ..Script::default() };
        let (result, script) = bench.run(script).await;
        let warnings = result.unwrap().warnings;
        assert_eq!(warnings.len(), 101);
        let left = format!("{} more warnings are not listed", NAMES - 100);
        assert_eq!(warnings[100].message, left);
        assert!(matches!(&script.outcomes[..], [Outcome::Ready(_)]), "{:?}", script.outcomes);
    })
    .await;
}

#[tokio::test]
async fn a_result_that_is_too_large_for_temporal_fails_with_a_short_error() {
    with_workers(async |bench| {
        let script = Script { padding: PADDING, rich: true, ..Script::default() };
        let (result, script) = bench.run(script).await;
        assert!(result.is_err(), "{result:?}");
        let [Outcome::Failed { failure, .. }] = &script.outcomes[..] else {
            panic!("reported {:?}", script.outcomes)
        };
        assert_eq!(failure.code, ErrorCode::SourceTooLarge);
        let most = contract::payload::BYTES_MAX.to_string();
        assert!(failure.message.contains(&most) && failure.message.len() < 200, "{failure:?}");
    })
    .await;
}

#[tokio::test]
async fn renditions_that_are_far_larger_than_their_source_are_not_made() {
    with_workers(async |bench| {
        // Of a byte, each chunk makes more than half of the GiB that any source may become.
        let source_limits = SourceLimits { output_ratio: Some(1000), ..SourceLimits::default() };
        let script = Script { source_limits, chunk_bytes: 600 << 20, ..Script::default() };
        let (result, script) = bench.run(script).await;
        assert!(result.is_err(), "{result:?}");
        let [Outcome::Failed { failure, .. }] = &script.outcomes[..] else {
            panic!("reported {:?}", script.outcomes)
        };
        assert_eq!(failure.code, ErrorCode::SourceTooLarge);
        assert!(failure.message.ends_with("(--max-output-ratio)"), "{failure:?}");
        assert!(!script.called().contains(&"publish_video"));
        // Jobs from before there was a limit have none.
        let script = Script { chunk_bytes: 600 << 20, ..Script::default() };
        bench.run(script).await.0.unwrap();
    })
    .await;
}
