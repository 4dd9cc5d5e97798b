//! Names a result by everything it depends on, so that finished work is found again and work done
//! with other parameters is not.

use contract::{encode_audio, transcode_chunk};
use media::plan::{AudioPlan, VideoPlan};
use ring::digest::{SHA256, digest};
use serde::Serialize;

/// Raised whenever the encoders' arguments or the segment format change.
const RECIPE: u32 = 2;
/// Hex digits kept: 64 bits, for a handful of plans per video.
const DIGITS: usize = 16;

/// Fingerprint of all chunks of a video.
pub(crate) fn chunks(source: &contract::StoredSource, plan: &VideoPlan) -> String {
    of(&(RECIPE, transcode_chunk::NAME, source, plan))
}

/// Fingerprint of the sound of a video.
pub(crate) fn audio(source: &contract::StoredSource, plan: &AudioPlan) -> String {
    of(&(RECIPE, encode_audio::NAME, source, plan))
}

/// Fingerprint of what an activity other than an encoder makes: its name and its input.
pub(crate) fn input(activity: &str, input: &impl Serialize) -> String {
    of(&(RECIPE, activity, input))
}

/// SHA-256 of some bytes, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn of(parameters: &impl Serialize) -> String {
    let bytes =
        serde_json::to_vec(parameters).expect("parameters are plain values with string keys");
    let mut text = sha256(&bytes);
    text.truncate(DIGITS);
    text
}
