//! Activity: checks everything that was encoded and packaged, before any of it is published.

use media::playlist::Master;
use serde::{Deserialize, Serialize};

use crate::Outputs;

crate::activity!("verify_video");

/// What to check.
pub type Input = crate::package_video::Input;

/// What was measured; a video that does not pass fails with `output_invalid`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The outputs as they will be published.
    pub outputs: Outputs,
    /// The master playlist that names them.
    pub master: Master,
    /// Distinct source pictures that were decoded.
    pub decoded: u64,
    /// Errors the decoders reported.
    pub decode_errors: u64,
    /// Pictures among those decoded that are damaged.
    #[serde(default)]
    pub damaged: u64,
}
