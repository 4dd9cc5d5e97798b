//! How long a step may take: time grows with the bytes it reads or with the media it works on.
//!
//! These are limits, not expectations: they end what hangs in a way that nothing else notices. So
//! they assume the slowest machine and store that are still worth using.

use std::time::Duration;

/// Slowest store, in bytes a second: 40 Mbit/s. A source of 50 GiB is then read in three hours.
const READ_RATE: u64 = 5_000_000;
/// Slowest encoder, in seconds for one second of media: 4K with a slow preset on one core.
const ENCODE_SLOWNESS: f64 = 20.0;
/// Slowest decoder, in seconds for one second of media that is only decoded to get to a picture.
const DECODE_SLOWNESS: f64 = 2.0;
/// What starting, connecting and waiting for a busy machine may take in any step.
const START: Duration = Duration::from_mins(10);
/// The same for steps that write or check many small objects.
const MANY_START: Duration = Duration::from_mins(30);
/// Half a second for each second of media and rendition: a segment of six seconds is then listed,
/// read and written in three seconds.
const SMALL_OBJECTS: f64 = 0.5;
/// The share of its length that a finished ladder waits for enhancements, and the minimum.
const PATIENCE_SHARE: f64 = 0.05;
const PATIENCE_MIN: Duration = Duration::from_mins(1);
/// Longest of all limits, so that none is without end whatever a header claims.
pub const LONGEST: Duration = Duration::from_hours(24 * 7);

/// For reading a file of so many bytes once.
pub fn read(bytes: u64) -> Duration {
    bounded(START + Duration::from_secs(bytes / READ_RATE))
}

/// For encoding so many seconds of media from a file of so many bytes, read once.
pub fn encode(media_seconds: f64, bytes: u64) -> Duration {
    bounded(read(bytes) + scaled(media_seconds, ENCODE_SLOWNESS))
}

/// For encoding one chunk that ends at `end_seconds` of the media: where nothing in the file leads
/// there, all before it is decoded too.
pub fn encode_chunk(chunk_seconds: f64, end_seconds: f64) -> Duration {
    let lead = scaled(end_seconds, DECODE_SLOWNESS);
    bounded(START + scaled(chunk_seconds, ENCODE_SLOWNESS) + lead)
}

/// For a step that goes through every segment of so many renditions.
pub fn every_segment(media_seconds: f64, renditions: usize) -> Duration {
    let renditions = f64::from(u32::try_from(renditions).unwrap_or(u32::MAX).max(1));
    bounded(MANY_START + scaled(media_seconds, SMALL_OBJECTS * renditions))
}

/// How long a finished ladder waits for enhancements: a minute, or a twentieth of the video's
/// length where that is longer. In whole seconds.
pub fn patience(media_seconds: f64) -> Duration {
    let share = scaled(media_seconds, PATIENCE_SHARE);
    Duration::from_secs(bounded(share.max(PATIENCE_MIN)).as_secs())
}

/// A duration, of whatever a header claims: nothing for what is no length.
fn scaled(seconds: f64, factor: f64) -> Duration {
    let longest = LONGEST.as_secs_f64();
    let seconds = (seconds * factor).clamp(0.0, longest);
    if seconds.is_nan() { Duration::ZERO } else { Duration::from_secs_f64(seconds) }
}

fn bounded(limit: Duration) -> Duration {
    Duration::from_secs(limit.min(LONGEST).as_secs())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_of_real_videos() {
        let hours = |limit: Duration| format!("{:.2} h", limit.as_secs_f64() / 3600.0);
        let row = |name: &str, seconds: f64, bytes: u64, renditions: usize| {
            format!(
                "{name}: read {}, encode {}, chunk {}, every segment {}, patience {} s\n",
                hours(read(bytes)),
                hours(encode(seconds, bytes)),
                hours(encode_chunk(seconds.min(60.0), seconds)),
                hours(every_segment(seconds, renditions)),
                patience(seconds).as_secs(),
            )
        };
        let table = [
            row("clip of 10 s", 10.0, 2_000_000, 2),
            row("film of 2 h, 8 GB", 7200.0, 8_000_000_000, 6),
            row("camera, 1 h, 50 GB", 3600.0, 50_000_000_000, 8),
            row("stream of 12 h, 30 GB", 43_200.0, 30_000_000_000, 6),
        ];
        expect![[r"
            clip of 10 s: read 0.17 h, encode 0.22 h, chunk 0.23 h, every segment 0.50 h, patience 60 s
            film of 2 h, 8 GB: read 0.61 h, encode 40.61 h, chunk 4.50 h, every segment 6.50 h, patience 360 s
            camera, 1 h, 50 GB: read 2.94 h, encode 22.94 h, chunk 2.50 h, every segment 4.50 h, patience 180 s
            stream of 12 h, 30 GB: read 1.83 h, encode 168.00 h, chunk 24.50 h, every segment 36.50 h, patience 2160 s
        "]]
        .assert_eq(&table.concat());
    }

    #[test]
    fn what_is_no_length_has_the_least_time() {
        for none in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(encode(none, 0), START);
            assert_eq!(patience(none), PATIENCE_MIN);
        }
        assert_eq!(encode(f64::INFINITY, u64::MAX), LONGEST);
    }

    proptest! {
        /// A source that comes at a sixth of the speed of one disk is read in time.
        #[test]
        fn a_slow_store_is_fast_enough(bytes in 0..1_u64 << 40) {
            let at_30_mb = Duration::from_secs(bytes / 30_000_000);
            prop_assert!(read(bytes) >= at_30_mb.min(LONGEST));
            prop_assert!(read(bytes).as_secs() <= LONGEST.as_secs());
        }

        #[test]
        fn more_work_never_has_less_time(
            seconds in 0.0..1e6_f64, more in 0.0..1e6_f64,
            bytes in 0..1_u64 << 40, more_bytes in 0..1_u64 << 40,
        ) {
            let longer = seconds + more;
            prop_assert!(encode(longer, bytes + more_bytes) >= encode(seconds, bytes));
            prop_assert!(encode_chunk(60.0, longer) >= encode_chunk(60.0, seconds));
            prop_assert!(every_segment(longer, 3) >= every_segment(seconds, 2));
            prop_assert!(patience(longer) >= patience(seconds));
        }
    }
}
