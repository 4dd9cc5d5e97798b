//! When a message that was not taken is sent again, and when never. Pure but for the dice.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// Longest pause between two tries, whatever a receiver asks for.
pub(crate) const PAUSE_MAX: Duration = Duration::from_hours(1);

/// Whether a receiver that answers so may answer otherwise later: when it is overloaded, too early
/// or at fault itself. What it refuses it refuses for good, a redirect too: it is not followed, and
/// somebody has to write the new address down.
pub(crate) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..)
}

/// The pause after so many failed tries of a round: twice as long each time, between half of it and
/// all of it, so that messages that failed together do not come again together; longer when the
/// receiver asks for that. `dice` is evenly distributed.
pub(crate) fn pause(first: Duration, tries: u32, asked: Option<Duration>, dice: u32) -> Duration {
    let doubled = 2_u32.checked_pow(tries.saturating_sub(1));
    let whole = doubled.and_then(|factor| first.checked_mul(factor)).unwrap_or(PAUSE_MAX);
    let half = whole.min(PAUSE_MAX) / 2;
    let own = half + half.mul_f64(f64::from(dice) / f64::from(u32::MAX));
    own.max(asked.unwrap_or_default().min(PAUSE_MAX))
}

/// What `Retry-After` asks for, as seconds or as a date.
pub(crate) fn asked(header: &str, now: OffsetDateTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(header, &Rfc2822).ok()?;
    Some((date - now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(5);

    #[test]
    fn pauses_double_up_to_an_hour_within_their_jitter() {
        for (tries, whole) in [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (99, 3600)] {
            let whole = Duration::from_secs(whole);
            assert_eq!(pause(FIRST, tries, None, 0), whole / 2, "{tries}");
            assert_eq!(pause(FIRST, tries, None, u32::MAX), whole, "{tries}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_longer_but_not_for_ever() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(FIRST, 1, Some(seconds(30)), 0), seconds(30));
        assert_eq!(pause(FIRST, 1, Some(seconds(1)), u32::MAX), FIRST);
        assert_eq!(pause(FIRST, 1, Some(seconds(90_000)), 0), PAUSE_MAX);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = OffsetDateTime::from_unix_timestamp(784_111_777).unwrap();
        for (header, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(asked(header, now), expected.map(Duration::from_secs), "{header}");
        }
    }

    #[test]
    fn refusals_are_final() {
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(may_pass(status), "{status}");
        }
        for status in [300, 301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422] {
            assert!(!may_pass(status), "{status}");
        }
    }
}
