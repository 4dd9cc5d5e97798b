//! What is told at the end of a video to those who came through a compatible front door. Pure: the
//! bodies and the signature, not their delivery.

pub(crate) mod runpod;
pub(crate) mod transcode;
