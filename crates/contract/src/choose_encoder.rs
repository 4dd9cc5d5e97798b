//! Activity: finds out what the transcode workers can encode with.

use media::{options::EncoderOption, plan::Encoder};
use serde::{Deserialize, Serialize};

use crate::VideoId;

crate::activity!("choose_encoder");

/// What was requested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// What was requested.
    pub wanted: EncoderOption,
}

/// What is used for every chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The encoder.
    pub encoder: Encoder,
    /// Why this one, in words.
    pub reason: String,
}
