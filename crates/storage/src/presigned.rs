//! An address that takes one file straight into the store, without passing through us.

use std::fmt;
use std::time::Duration;

use url::Url;

/// Where and how to send a file. Printed, it shows no signature.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPut {
    /// Answers one PUT. It is a secret of those who may send the file.
    pub url: Url,
    /// Headers that the request must carry, besides its length.
    pub headers: Vec<(String, String)>,
    /// How long the address works; a request that has begun may end later.
    pub expires_in: Duration,
}

impl fmt::Debug for PresignedPut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresignedPut({}?..)", &self.url[..url::Position::AfterPath])
    }
}
