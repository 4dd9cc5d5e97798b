//! Decides what happens next: [`VideoWorkflow`], [`CompletionWorkflow`], [`DeliveryWorkflow`] and
//! [`DeletionWorkflow`].
//!
//! Deterministic: time, randomness, iteration order and IO come from Temporal or not at all
//! (`clippy.toml` beside this crate bans the rest). Activities are called by the markers of
//! `contract`, so no ffmpeg, store or catalogue code is linked here.

mod call;
mod completion;
mod deletion;
mod delivery;
mod failure;
mod video;

pub use completion::CompletionWorkflow;
pub use deletion::DeletionWorkflow;
pub use delivery::DeliveryWorkflow;
pub use video::VideoWorkflow;
