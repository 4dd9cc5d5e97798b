//! What the `progress` query answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Warning;

/// How far a video is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Chunks finished.
    pub chunks_done: u32,
    /// Chunks in all; 0 until the plan is made.
    pub chunks_total: u32,
    /// One character per chunk, in order: `.` waiting, `>` being encoded, `#` done. Empty until the
    /// plan is made. A chunk is encoded in every rung at once.
    #[serde(default)]
    #[schema(example = "##>>....")]
    pub chunk_map: String,
    /// Frames of the finished chunks.
    #[serde(default)]
    pub frames_done: u64,
    /// Frames of the whole video; 0 until the plan is made, and without pictures.
    #[serde(default)]
    pub frames_total: u64,
    /// Encoding done over all rungs, 0 to 100.
    pub percent: f64,
    /// The same for each rung, highest first.
    pub rungs: Vec<RungProgress>,
    /// Seconds of media encoded per second of time since encoding began.
    pub speed: Option<f64>,
    /// Seconds until encoding is done, at that speed.
    pub eta_seconds: Option<u64>,
    /// What went wrong without stopping the video.
    pub warnings: Vec<Warning>,
}

/// How far one rung is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RungProgress {
    /// The rung's name.
    pub name: String,
    /// 0 to 100.
    pub percent: f64,
}

/// The step a video is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting for a worker.
    #[default]
    Queued,
    /// Fetching the source.
    Downloading,
    /// Reading every packet's time.
    Probing,
    /// Rewriting a non-standard source into one that can be cut.
    Normalizing,
    /// Encoding chunks and sound.
    Encoding,
    /// Writing playlists.
    Packaging,
    /// Checking everything that was made.
    Verifying,
    /// Writing the master playlist.
    Publishing,
    /// Ended.
    Done,
}
