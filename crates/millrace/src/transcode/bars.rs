//! Progress on the terminal: one bar for chunks, one per rung. Nothing where there is no terminal.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use contract::{Phase, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of one video.
pub(super) struct Bars {
    all: MultiProgress,
    chunks: ProgressBar,
    rungs: RefCell<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::new();
        let chunks = all.add(ProgressBar::new(0));
        chunks.set_style(style("{prefix:>12} {bar:40} {pos}/{len} chunks  {msg}"));
        chunks.enable_steady_tick(Duration::from_millis(200));
        Self { all, chunks, rungs: RefCell::default() }
    }

    pub(super) fn show(&self, progress: &Progress) {
        self.chunks.set_prefix(name(progress.phase));
        self.chunks.set_length(u64::from(progress.chunks_total));
        self.chunks.set_position(u64::from(progress.chunks_done));
        let speed = progress.speed.map(|speed| format!("{speed:.2}x"));
        let eta = progress
            .eta_seconds
            .filter(|&seconds| seconds > 0)
            .map(|seconds| format!("{seconds} s left"));
        self.chunks.set_message(speed.into_iter().chain(eta).collect::<Vec<_>>().join("  "));
        let mut rungs = self.rungs.borrow_mut();
        for rung in &progress.rungs {
            let bar = rungs.entry(rung.name.clone()).or_insert_with(|| {
                let bar = self.all.add(ProgressBar::new(100));
                bar.set_style(style("{prefix:>12} {bar:40} {pos}%"));
                bar.set_prefix(rung.name.clone());
                bar
            });
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 100"
            )]
            bar.set_position(rung.percent as u64);
        }
    }

    pub(super) fn finish(&self) {
        self.all.clear().ok();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "queued",
        Phase::Downloading => "download",
        Phase::Probing => "probe",
        Phase::Normalizing => "rewrite",
        Phase::Encoding => "encode",
        Phase::Packaging => "package",
        Phase::Verifying => "verify",
        Phase::Publishing => "publish",
        Phase::Done => "done",
    }
}
