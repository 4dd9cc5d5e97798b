//! The arithmetic of a video: rates, timelines, ladders, chunk plans, fragments, playlists.
//!
//! Pure functions and values. Nothing here reads a clock, a file or a socket, so every rule can be
//! tested as arithmetic. It does not know Temporal, ffmpeg's flags or where objects are kept.

pub mod alignment;
pub mod bitrate;
pub mod bounds;
pub mod budget;
pub mod chapters;
pub mod codecs;
pub mod epochs;
pub mod fmp4;
pub mod ladder;
pub mod language;
pub mod loudness;
pub mod manifest;
pub mod options;
pub mod plan;
pub mod playlist;
pub mod preview;
pub mod rate;
pub mod source;
pub mod sprites;
pub mod subtitles;
pub mod tenant;
pub mod thumbnail;
pub mod timeline;
pub mod transport;
pub mod verify;
pub mod vtt;
pub mod watermark;
pub mod waveform;
