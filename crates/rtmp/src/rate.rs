//! The bit rate of a publisher, against its limit.

use std::time::Duration;

/// A bucket that leaks at the allowed rate and holds what may come in one window.
#[derive(Debug)]
pub(crate) struct Rate {
    bits_per_second_max: u64,
    window: Duration,
    held_bits: u64,
    leaked_at: Duration,
}

impl Rate {
    pub(crate) fn new(bits_per_second_max: u64, window: Duration, now: Duration) -> Self {
        Self { bits_per_second_max, window, held_bits: 0, leaked_at: now }
    }

    /// Counts received bytes. False means that they are too many.
    pub(crate) fn admit(&mut self, now: Duration, bytes: usize) -> bool {
        let leaked = self.bits(now.saturating_sub(self.leaked_at));
        // Small steps of time would leak nothing and lose their rest, so the clock waits for them.
        if leaked > 0 {
            self.held_bits = self.held_bits.saturating_sub(leaked);
            self.leaked_at = now;
        }
        self.held_bits = self.held_bits.saturating_add((bytes as u64).saturating_mul(8));
        self.held_bits <= self.bits(self.window)
    }

    fn bits(&self, time: Duration) -> u64 {
        let bits = u128::from(self.bits_per_second_max) * time.as_micros() / 1_000_000;
        u64::try_from(bits).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_pass_and_a_sustained_excess_does_not() {
        let ms = Duration::from_millis;
        let mut rate = Rate::new(8_000, ms(5_000), ms(0));
        assert!(rate.admit(ms(0), 5_000), "a window's worth at once");
        assert!(!rate.admit(ms(0), 1));
        let mut rate = Rate::new(8_000, ms(5_000), ms(0));
        assert!((0..100_000).all(|step| rate.admit(ms(step), 1)), "exactly the rate");
        let mut rate = Rate::new(8_000, ms(5_000), ms(0));
        let refused = (0..100_000).position(|step| !rate.admit(ms(step), 2));
        assert_eq!(refused, Some(4_999));
    }
}
