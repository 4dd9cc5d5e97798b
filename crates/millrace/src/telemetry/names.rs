//! Every metric of ours: its kind and what it says. `docs/operations.md` shows the same table.

/// A metric's type in Prometheus.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Name, kind and meaning of each.
pub(super) const METRICS: &[(&str, Kind, &str)] = &[
    ("millrace_build_info", Kind::Gauge, "Always 1; the label says the version."),
    ("millrace_videos", Kind::Gauge, "Videos in the catalogue, by status."),
    ("millrace_queue_slots", Kind::Gauge, "Activities this process may run at once, by queue."),
    ("millrace_queue_slots_used", Kind::Gauge, "Activities it is running, by queue."),
    (
        "millrace_queue_served",
        Kind::Gauge,
        "1 while this process takes work from the queue; 0 while it cannot do it.",
    ),
    (
        "millrace_worker_restarts_total",
        Kind::Counter,
        "Times that the workers' thread panicked and was started again.",
    ),
    (
        "millrace_activities_total",
        Kind::Counter,
        "Runs of activities that ended, by result: ok, failed, retried, cancelled.",
    ),
    (
        "millrace_activity_errors_total",
        Kind::Counter,
        "Runs that failed, by error code, and whether they are retried.",
    ),
    (
        "millrace_activity_seconds",
        Kind::Histogram,
        "Time from start to end of a run of an activity.",
    ),
    ("millrace_chunk_encode_seconds", Kind::Histogram, "Time to encode a chunk in every rung."),
    ("millrace_chunk_media_seconds", Kind::Histogram, "Length of the media in an encoded chunk."),
    (
        "millrace_chunk_encode_ratio",
        Kind::Histogram,
        "Encoding time of a chunk per second of its media.",
    ),
    ("millrace_downloaded_bytes_total", Kind::Counter, "Bytes of sources fetched from addresses."),
    ("millrace_stored_bytes_total", Kind::Counter, "Bytes written to the store, by bucket."),
    (
        "millrace_scratch_free_bytes",
        Kind::Gauge,
        "Bytes that may still be written to the disk of scratch.",
    ),
    ("millrace_child_processes", Kind::Gauge, "Child processes running, by program."),
    (
        "millrace_child_exits_total",
        Kind::Counter,
        "Child processes that ended, by program and result: ok, failed, killed.",
    ),
    (
        "millrace_child_containment",
        Kind::Gauge,
        "What holds child processes, by layer: Landlock's ABI, else 1, or 0 where it does not.",
    ),
    (
        "millrace_webhook_oldest_seconds",
        Kind::Gauge,
        "Age of the oldest message that no receiver has taken yet; 0 without one.",
    ),
    (
        "millrace_unreadable_rows_total",
        Kind::Counter,
        "Rows of the catalogue that a list could not read, by table, each time.",
    ),
    (
        "millrace_http_request_seconds",
        Kind::Histogram,
        "Time until an API request was answered, by method, route and class of status.",
    ),
    (
        "millrace_http_connections_evicted_total",
        Kind::Counter,
        "Connections closed in favour of others after waiting longest without a request.",
    ),
    (
        "millrace_http_connections_refused_total",
        Kind::Counter,
        "Requests answered with 503 because every connection had one in progress. `/healthz`, `/readyz` and `/metrics` have 16 more connections.",
    ),
];
