//! RTMP's 32-bit milliseconds as a number that does not wrap.

/// Follows the time stamps of one publisher.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// The last time stamp, and what it became.
    last: Option<(u32, i64)>,
}

impl Clock {
    /// The time stamp on a line without an end: the value nearest to the one before, so that both a
    /// wrap after 49.7 days and a step back are what they look like. The first one stands as it is.
    pub(crate) fn unwrap(&mut self, stamp: u32) -> i64 {
        let ms = match self.last {
            None => i64::from(stamp),
            Some((last, ms)) => ms + i64::from(stamp.wrapping_sub(last).cast_signed()),
        };
        self.last = Some((stamp, ms));
        ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wrap_goes_on_and_a_step_back_goes_back() {
        let mut clock = Clock::default();
        assert_eq!(clock.unwrap(u32::MAX - 10), 4_294_967_285);
        assert_eq!(clock.unwrap(9), 4_294_967_305);
        assert_eq!(clock.unwrap(u32::MAX), 4_294_967_295);
        assert_eq!(clock.unwrap(40), 4_294_967_336);
    }

    proptest! {
        #[test]
        fn steps_below_24_days_are_kept(start: u32, steps in prop::collection::vec(-2_000_000_000..2_000_000_000_i64, 0..50)) {
            let mut clock = Clock::default();
            let mut ms = i64::from(start);
            prop_assert_eq!(clock.unwrap(start), ms);
            for step in steps {
                ms += step;
                prop_assert_eq!(clock.unwrap(u32::try_from(ms & 0xffff_ffff).unwrap()), ms);
            }
        }
    }
}
