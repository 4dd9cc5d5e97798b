//! Everything that runs outside this process: ffmpeg, ffprobe and other programs, as children.
//!
//! Builds their arguments, starts them so that none outlives its worker, follows their progress and
//! reads what they print. It knows nothing of jobs, stores or Temporal.

mod args;
pub mod child;
mod encode;
pub mod error;
mod failure;
pub mod input;
mod lines;
pub mod log;
pub mod probe;
pub mod progress;
pub mod run;
pub mod tools;

pub use child::{Child, Command, Output};
pub use encode::{EncodedChunk, EncodedSound, SoundFiles, encode_audio, encode_chunk, normalize};
pub use error::Error;
pub use input::Input;
pub use probe::probe;
pub use progress::Progress;
pub use run::{Finished, run};
pub use tools::Tools;
