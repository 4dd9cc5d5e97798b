//! Traces: sent to a collector, and passed through Temporal to every worker.

use std::sync::OnceLock;

use anyhow::Context as _;
use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use temporalio_sdk::{
    SimplePlugin,
    opentelemetry::{OpenTelemetryPlugin, WorkflowIdGenerator},
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};
use url::Url;

/// Name of the service, unless `OTEL_SERVICE_NAME` gives another.
const SERVICE: &str = "millrace";
/// Crates of ours that open spans; the spans of libraries are not told.
const TOLD: [&str; 3] = ["api", "activities", "ffmpeg"];

/// Set once tracing is on; the tracer itself is global as well.
static ON: OnceLock<()> = OnceLock::new();

/// The connection to a collector.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Connects lazily: a collector that is away loses spans and disturbs nothing.
    pub(super) fn start(endpoint: &Url) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint.as_str())
            .build()
            .context("read the address of the trace collector")?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(SERVICE);
        }
        let provider = SdkTracerProvider::builder()
            // In a workflow, ids must come out the same on replay.
            .with_id_generator(WorkflowIdGenerator::default())
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        global::set_tracer_provider(provider.clone());
        global::set_text_map_propagator(TraceContextPropagator::new());
        let _ = ON.set(());
        Ok(Self(provider))
    }

    /// Turns our spans into the collector's.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let told = TOLD.map(|name| (name, LevelFilter::INFO));
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_targets(told))
    }

    pub(super) fn stop(self) {
        // Late spans of a collector that is away are lost, as all the others were.
        let _ = self.0.shutdown();
    }
}

/// What a Temporal client, and each worker on it, needs to pass traces on; `None` while tracing is
/// off. Baggage is not passed on: it would end up in the workflow's history.
pub(crate) fn plugin() -> Option<SimplePlugin> {
    ON.get()?;
    Some(OpenTelemetryPlugin::builder().propagator(TraceContextPropagator::new()).build())
}
