//! Bit rates of a rendition as RFC 8216, 4.1 defines them, measured on its segments.

use serde::{Deserialize, Serialize};

use crate::manifest::Segment;

/// Bits per second of a playlist, for `BANDWIDTH` and `AVERAGE-BANDWIDTH`; both rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Peak segment bit rate.
    pub peak: u64,
    /// Average segment bit rate.
    pub average: u64,
}

impl Bandwidth {
    /// Rates of two renditions played together: peak plus peak, average plus average.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { peak: self.peak + other.peak, average: self.average + other.average }
    }
}

/// Measures a rendition.
///
/// The peak is that of any run of segments lasting 0.5 to 1.5 target durations, and, as strict
/// readers measure it, that of any single segment, however short; only a last segment of less than a
/// tenth of a second, which is little more than its key frame, does not count alone. Never below the
/// average. Zero without any duration.
pub fn bandwidth(segments: &[Segment], timescale: u32) -> Bandwidth {
    let target = super::target_duration(&super::durations_us(segments, timescale));
    // Twice the time in ticks, so that both halves are whole numbers.
    let [shortest, longest] = [target, 3 * target].map(|halves| halves * u64::from(timescale));
    let alone = segments.iter().filter(|segment| segment.duration >= u64::from(timescale) / 10);
    let mut peak =
        alone.map(|segment| rate(segment.bytes, segment.duration, timescale)).max().unwrap_or(0);
    for start in 0..segments.len() {
        let (mut bytes, mut ticks) = (0, 0);
        for segment in &segments[start..] {
            bytes += segment.bytes;
            ticks += segment.duration;
            if 2 * ticks > longest {
                break;
            }
            if 2 * ticks >= shortest {
                peak = peak.max(rate(bytes, ticks, timescale));
            }
        }
    }
    let bytes = segments.iter().map(|segment| segment.bytes).sum();
    let average = rate(bytes, segments.iter().map(|segment| segment.duration).sum(), timescale);
    Bandwidth { peak: peak.max(average), average }
}

/// Bits per second, rounded up.
fn rate(bytes: u64, ticks: u64, timescale: u32) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Segments of so many tenths of a second and bytes.
    fn measured(parts: &[(u64, u64)]) -> (u64, u64) {
        let segment = |&(duration, bytes): &(u64, u64)| Segment {
            name: String::new(),
            index: 0,
            bytes,
            decode_time: 0,
            duration,
            samples: 1,
            key_samples: vec![],
            odd_packets: 0,
        };
        let segments: Vec<Segment> = parts.iter().map(segment).collect();
        let measured = bandwidth(&segments, 10);
        (measured.peak, measured.average)
    }

    #[test]
    fn the_peak_is_that_of_the_worst_segment() {
        assert_eq!(measured(&[(60, 6000), (60, 12_000), (60, 3000)]), (16_000, 9_334));
    }

    #[test]
    fn a_short_end_counts_alone_unless_it_is_a_blink() {
        assert_eq!(measured(&[(60, 3000), (60, 5000), (10, 10_000)]), (80_000, 11_077));
        assert_eq!(measured(&[(60, 3000), (1, 6000)]).0, 480_000);
        // Nothing of it is left after rounding to tenths of a second: only together with the six.
        assert_eq!(measured(&[(60, 3000), (0, 6000)]).0, 12_000);
    }

    #[test]
    fn a_run_longer_than_one_and_a_half_targets_does_not_count() {
        // 6.4 and 2.9 s are 9.3 of at most 9, and would be 52,474 b/s.
        let (peak, average) = measured(&[(64, 1000), (64, 1000), (29, 10_000)]);
        assert_eq!((peak, average), (27_587, 6_115));
    }

    #[test]
    fn a_lone_blink_has_its_average_as_peak() {
        assert_eq!(measured(&[(2, 100)]), (4000, 4000));
        assert_eq!(measured(&[]), (0, 0));
    }

    #[test]
    fn played_together_rates_add_up() {
        let (video, audio) =
            (Bandwidth { peak: 5, average: 3 }, Bandwidth { peak: 20, average: 10 });
        assert_eq!(video.with(audio), Bandwidth { peak: 25, average: 13 });
    }

    proptest! {
        #[test]
        fn the_peak_is_never_below_the_average(parts in prop::collection::vec((1_u64..80, 0_u64..100_000), 1..40)) {
            let (peak, average) = measured(&parts);
            prop_assert!(peak >= average);
        }
    }
}
