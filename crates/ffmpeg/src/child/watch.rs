//! Observes every child: a span from its start to its end, and two metrics.
//!
//! Arguments are never recorded: they may contain signed URLs.

use std::{os::unix::process::ExitStatusExt as _, path::Path, process::ExitStatus};

use metrics::{Gauge, counter, gauge};
use tracing::{Span, field::Empty};

/// Follows one child. Dropped before the child's end was seen, it counts as killed.
#[derive(Debug)]
pub(super) struct Watch {
    /// The program's file name, which is one of few.
    program: String,
    running: Gauge,
    /// Closed at the end: then it says how long the child ran.
    span: Option<Span>,
}

impl Watch {
    pub(super) fn start(program: &str, id: u32) -> Self {
        let name = Path::new(program).file_name().unwrap_or_default();
        let program = name.to_string_lossy().into_owned();
        let span = tracing::info_span!(
            "child",
            otel.name = program,
            program,
            pid = id,
            exit_code = Empty,
            signal = Empty,
        );
        let running = gauge!("millrace_child_processes", "program" => program.clone());
        running.increment(1);
        Self { program, running, span: Some(span) }
    }

    /// The child has ended; said again, it changes nothing.
    pub(super) fn ended(&mut self, status: ExitStatus) {
        let Some(span) = &self.span else { return };
        status.code().map(|code| span.record("exit_code", code));
        status.signal().map(|signal| span.record("signal", signal));
        self.close(if status.success() { "ok" } else { "failed" });
    }

    fn close(&mut self, result: &'static str) {
        if self.span.take().is_some() {
            self.running.decrement(1);
            let program = self.program.clone();
            counter!("millrace_child_exits_total", "program" => program, "result" => result)
                .increment(1);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close("killed");
    }
}
