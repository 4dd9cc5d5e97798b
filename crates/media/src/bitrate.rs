//! Bit rates as people write them: `3M`, `128k` or a plain number of bits per second.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bits per second; at least 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u32);

/// A text that is not a bit rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a bit rate: write it as 3M, 128k or a number of bits per second from 1000 to 4G"
)]
pub struct NotABitrate(String);

impl Bitrate {
    /// A rate of whole kilobits per second.
    pub const fn kilobits(kilobits: u32) -> Self {
        Self(kilobits * 1000)
    }

    /// Bits per second.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Kilobits per second, rounded down.
    pub fn kbps(self) -> u32 {
        self.0 / 1000
    }

    /// The rate times a ratio, as the capped-bitrate rules need it.
    #[must_use]
    pub fn scaled(self, num: u32, den: u32) -> Self {
        let bits = u64::from(self.0) * u64::from(num) / u64::from(den.max(1));
        Self(u32::try_from(bits).unwrap_or(u32::MAX).max(1000))
    }
}

impl FromStr for Bitrate {
    type Err = NotABitrate;

    fn from_str(text: &str) -> Result<Self, NotABitrate> {
        let bad = || NotABitrate(text.to_owned());
        let (digits, unit) = match text.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1e3),
            None => text.strip_suffix(['m', 'M']).map_or((text, 1.0), |digits| (digits, 1e6)),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(bad());
        }
        let bits = digits.parse::<f64>().map_err(|_| bad())? * unit;
        if !(1000.0..=f64::from(u32::MAX)).contains(&bits) {
            return Err(bad());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be in range above"
        )]
        Ok(Self(bits.round() as u32))
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bits if bits % 1_000_000 == 0 => write!(f, "{}M", bits / 1_000_000),
            bits if bits % 1000 == 0 => write!(f, "{}k", bits / 1000),
            bits => write!(f, "{bits}"),
        }
    }
}

impl Serialize for Bitrate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bitrate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(bits) => bits.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bits, printed) in [
            ("3M", 3_000_000, "3M"),
            ("1.5M", 1_500_000, "1500k"),
            ("128k", 128_000, "128k"),
            ("64000", 64_000, "64k"),
        ] {
            let rate: Bitrate = text.parse().unwrap();
            assert_eq!((rate.bits(), rate.to_string().as_str()), (bits, printed));
        }
        for bad in ["", "k", "-3M", "3Mbit", "inf", "999", "1e3", "5000M"] {
            assert!(bad.parse::<Bitrate>().is_err(), "{bad}");
        }
    }
}
