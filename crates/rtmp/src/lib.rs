//! RTMP ingest as bytes: what a publisher sends goes in, events and replies come out.
//!
//! Owns the handshake, the chunk stream, AMF0, the commands of publishing, and the headers of FLV
//! and enhanced RTMP. Reads no socket and no clock: the caller hands in bytes and the time since
//! the connection was accepted, and sends what [`Session::take_output`] returns. Decodes no media.
//!
//! A connection holds at most 12 MiB, whatever its peer sends: [`Limits`] names every bound and
//! [`Error`] every refusal.

pub mod amf0;
mod chunk;
mod clock;
mod error;
mod handshake;
mod limits;
mod message;
mod rate;
mod session;
mod tag;

pub use error::Error;
pub use limits::Limits;
pub use session::{Ended, Event, Metadata, PublishRequest, Session, Statistics, StreamKey};
pub use tag::{Audio, AudioCodec, AudioFrame, Malformed, Video, VideoCodec, VideoFrame};
