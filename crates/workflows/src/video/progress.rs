//! Counts what is done. Pure: times come in as arguments.

use std::time::SystemTime;

use contract::{ErrorCode, Phase, Progress, RungProgress, Warning, text};
use media::plan::VideoPlan;

/// How a chunk stands, as `Progress::chunk_map` writes it. Which of the waiting ones a worker has
/// taken is not known here.
const WAITING: char = '.';
const DONE: char = '#';
/// Most warnings that are listed: a source can bring as many as it has tracks and more, and all of
/// them cross Temporal.
const WARNINGS_MAX: usize = 100;

/// Counters behind the `progress` query.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    phase: Phase,
    chunks: (u32, u32),
    map: Vec<char>,
    frames: (u64, u64),
    /// Seconds of media per frame.
    frame_seconds: f64,
    rungs: Vec<String>,
    began: Option<SystemTime>,
    latest: Option<SystemTime>,
    warnings: Vec<Warning>,
    /// Warnings beyond those that are listed.
    unlisted: u64,
}

impl Tracker {
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }

    pub(super) fn warn(&mut self, warnings: impl IntoIterator<Item = Warning>) {
        for mut warning in warnings {
            warning.message = text::message(&warning.message);
            if self.warnings.contains(&warning) {
                continue;
            }
            if self.warnings.len() < WARNINGS_MAX {
                self.warnings.push(warning);
            } else {
                self.unlisted += 1;
            }
        }
    }

    pub(super) fn plan(&mut self, video: Option<&VideoPlan>, now: Option<SystemTime>) {
        self.began = now;
        if let Some(video) = video {
            self.chunks = (0, video.chunks);
            self.map = (0..video.chunks).map(|_| WAITING).collect();
            self.frames = (0, video.grid.frames);
            self.frame_seconds = video.grid.seconds(1);
            self.rungs = video.rungs.iter().map(|rung| rung.name.clone()).collect();
        }
    }

    pub(super) fn chunk_done(&mut self, chunk: u32, frames: u64, now: Option<SystemTime>) {
        if let Some(place) = self.map.get_mut(chunk as usize) {
            *place = DONE;
        }
        self.chunks.0 += 1;
        self.frames.0 += frames;
        self.latest = now;
    }

    pub(super) fn progress(&self) -> Progress {
        let (done, total) = self.frames;
        let percent = match (total, self.phase) {
            (0, Phase::Done) => 100.0,
            (0, _) => 0.0,
            _ => done as f64 * 100.0 / total as f64,
        };
        let speed = self.speed();
        let left = (total - done.min(total)) as f64 * self.frame_seconds;
        Progress {
            phase: self.phase,
            chunks_done: self.chunks.0,
            chunks_total: self.chunks.1,
            chunk_map: self.map.iter().collect(),
            frames_done: done,
            frames_total: total,
            percent,
            rungs: self
                .rungs
                .iter()
                .map(|name| RungProgress { name: name.clone(), percent })
                .collect(),
            speed,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a duration in seconds"
            )]
            eta_seconds: speed.map(|speed| (left / speed).ceil() as u64),
            warnings: self.warnings(),
        }
    }

    /// What was noticed, in at most one entry more than are listed.
    fn warnings(&self) -> Vec<Warning> {
        let more = (self.unlisted > 0).then(|| Warning {
            step: "warnings".to_owned(),
            code: ErrorCode::OptionNotMet,
            message: format!("{} more warnings are not listed", self.unlisted),
        });
        self.warnings.iter().cloned().chain(more).collect()
    }

    fn speed(&self) -> Option<f64> {
        let elapsed = self.latest?.duration_since(self.began?).ok()?.as_secs_f64();
        (elapsed > 0.0).then(|| self.frames.0 as f64 * self.frame_seconds / elapsed)
    }
}
