//! The authentication code of a workflow's input, which only holders of the instance's secret key
//! can compute. The key and the computation belong to the catalogue.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bytes of HMAC-SHA256.
const BYTES: usize = 32;

/// A message authentication code (HMAC-SHA256, RFC 2104) over the input of a workflow; hexadecimal in
/// JSON. It is no secret: it shows who made the input, and fits no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub [u8; BYTES]);

/// The input of a workflow that only holders of the secret key may start.
pub trait Vouched: Serialize + Clone {
    /// The workflow's type: what was made for one type is nothing to another.
    const WORKFLOW: &'static str;

    /// What it came with.
    fn mac(&self) -> Option<Mac>;

    /// The same input with another code, or with none.
    #[must_use]
    fn with_mac(self, mac: Option<Mac>) -> Self;
}

/// Implements [`Vouched`] for an input with a field `mac`.
macro_rules! vouched {
    ($input:ty, $workflow:expr) => {
        impl crate::Vouched for $input {
            const WORKFLOW: &'static str = $workflow;

            fn mac(&self) -> Option<crate::Mac> {
                self.mac
            }

            fn with_mac(self, mac: Option<crate::Mac>) -> Self {
                Self { mac, ..self }
            }
        }
    };
}
pub(crate) use vouched;

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * BYTES);
        write!(text, "{self}").map_err(serde::ser::Error::custom)?;
        to.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        read(&text).ok_or_else(|| D::Error::custom("a code is 64 hexadecimal digits"))
    }
}

fn read(text: &str) -> Option<Mac> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
    let bytes: Vec<u8> =
        digits?.chunks(2).map(|pair| pair.iter().fold(0, |a, b| 16 * a + b)).collect();
    bytes.try_into().ok().filter(|_| text.len() == 2 * BYTES).map(Mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_64_digits() {
        let mac = Mac(std::array::from_fn(|n| u8::try_from(7 * n).unwrap()));
        let text = serde_json::to_string(&mac).unwrap();
        assert_eq!(&text[..9], "\"00070e15");
        assert_eq!(serde_json::from_str::<Mac>(&text).unwrap(), mac);
        let half = "0".repeat(63);
        for bad in ["", "0", &half, &format!("{half}g"), &format!("{half}00"), &format!("{half}é")]
        {
            assert!(serde_json::from_str::<Mac>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }
}
