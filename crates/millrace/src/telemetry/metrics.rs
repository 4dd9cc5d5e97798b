//! `/metrics`: everything the process counted, and what is looked up when it is asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use catalog::Catalog;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use storage::Scratch;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::names::{Kind, METRICS};

/// How often samples are folded together, so that they do not pile up while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long a count of videos is cached.
const FRESH: Duration = Duration::from_secs(5);
/// The text format that Prometheus reads.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper ends of the buckets, in seconds: from an index look-up to the encoding of a long chunk.
const SECONDS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];
/// The same for encoding time per media time: 1 is as fast as it plays.
const RATIO: &[f64] = &[0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0];

/// The process's recorder, counting from when it is installed.
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts counting. Needs a runtime around it; fails the second time.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let handle = PrometheusBuilder::new()
            .set_buckets(SECONDS)
            .and_then(|builder| {
                let ratio = Matcher::Suffix("_ratio".to_owned());
                builder.set_buckets_for_metric(ratio, RATIO)
            })
            .and_then(PrometheusBuilder::install_recorder)
            .context("start counting")?;
        for &(name, kind, help) in METRICS {
            match kind {
                Kind::Counter => describe_counter!(name, help),
                Kind::Gauge => describe_gauge!(name, help),
                Kind::Histogram => describe_histogram!(name, help),
            }
        }
        gauge!("millrace_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
        // Told from the start, so that the first one is seen as an increase.
        counter!("millrace_unreadable_rows_total", "table" => "videos").increment(0);
        counter!("millrace_worker_restarts_total").increment(0);
        counter!("millrace_http_connections_evicted_total").increment(0);
        counter!("millrace_http_connections_refused_total").increment(0);
        let upkeep = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                upkeep.run_upkeep();
            }
        });
        Ok(Self(handle))
    }

    /// The route `/metrics`, which also reports these.
    pub(crate) fn router(self, catalog: Option<Catalog>, scratch: Option<Scratch>) -> Router {
        let asked = Asked { handle: self.0, catalog, scratch, counted: Mutex::new(None) };
        Router::new().route("/metrics", get(answer)).with_state(Arc::new(asked))
    }
}

struct Asked {
    handle: PrometheusHandle,
    catalog: Option<Catalog>,
    scratch: Option<Scratch>,
    /// When the videos were last counted.
    counted: Mutex<Option<Instant>>,
}

async fn answer(State(asked): State<Arc<Asked>>) -> impl IntoResponse {
    asked.look().await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], asked.handle.render())
}

impl Asked {
    /// Brings up to date what changes without an event of ours.
    async fn look(&self) {
        if let Some(Ok(free)) = self.scratch.as_ref().map(Scratch::free_bytes) {
            gauge!("millrace_scratch_free_bytes").set(free as f64);
        }
        let Some(catalog) = &self.catalog else { return };
        let mut counted = self.counted.lock().await;
        if counted.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        match catalog.count_by_status().await {
            Ok(counts) => {
                for (status, videos) in counts {
                    gauge!("millrace_videos", "status" => status.as_str()).set(videos as f64);
                }
                *counted = Some(Instant::now());
            }
            Err(error) => tracing::warn!(%error, "the videos cannot be counted"),
        }
        match catalog.oldest_pending_delivery().await {
            Ok(oldest) => {
                let age =
                    oldest.map_or(0.0, |at| (OffsetDateTime::now_utc() - at).as_seconds_f64());
                gauge!("millrace_webhook_oldest_seconds").set(age);
            }
            Err(error) => tracing::warn!(%error, "the oldest message cannot be looked up"),
        }
    }
}
