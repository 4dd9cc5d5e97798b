//! Everything that runs outside this process: ffmpeg, ffprobe and other programs, as children.
//!
//! Builds their arguments, starts them so that none outlives its worker, follows their progress and
//! reads what they print. It knows nothing of jobs, stores or Temporal.

mod addresses;
mod args;
mod chapters;
pub mod child;
mod encode;
pub mod encoder;
pub mod error;
mod failure;
mod features;
pub mod input;
mod lines;
pub mod log;
mod loudness;
mod normalize;
pub mod probe;
pub mod progress;
mod remux;
pub mod run;
mod samples;
mod scenes;
mod sound;
mod sprites;
mod still;
mod subtitles;
pub mod tools;
mod watermark;
mod waveform;

pub use chapters::chapters;
pub use child::{Child, Command, Output, within};
pub use contain::Containment;
pub use encode::{EncodedChunk, encode_chunk, encode_mezzanine};
pub use error::Error;
pub use failure::was_killed;
pub use features::{Features, features, ffprobe_version};
pub use input::Input;
pub use loudness::measure_loudness;
pub use normalize::normalize;
pub use probe::probe;
pub use progress::Progress;
pub use remux::remux;
pub use run::{Finished, run};
pub use samples::Heard;
pub use scenes::changes;
pub use sound::{EncodedSound, SoundFiles, encode_audio};
pub use sprites::{Sample, samples, sheets};
pub use still::{cover, cover_size, look, still};
pub use subtitles::{DecodedTrack, read_subtitles};
pub use tools::Tools;
pub use watermark::{draw_image, draw_text};
pub use waveform::waveform;
