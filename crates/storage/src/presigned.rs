//! A presigned URL for sending one file straight into the store.

use std::fmt;
use std::time::Duration;

use url::Url;

/// Where and how to send a file. Printed, it shows no signature.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPut {
    /// Accepts one PUT. It is a secret of those who may send the file.
    pub url: Url,
    /// Headers that the request must carry, besides its length.
    pub headers: Vec<(String, String)>,
    /// How long the URL is valid; a request that has begun may end later.
    pub expires_in: Duration,
}

impl fmt::Debug for PresignedPut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresignedPut({}?..)", &self.url[..url::Position::AfterPath])
    }
}
