//! Log lines as flat JSON: the fields of the spans around a line are fields of the line.
//!
//! So that `video` is at the same place in every line, whoever wrote it.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{JsonFields, Writer},
        time::{FormatTime as _, SystemTime},
    },
    registry::{LookupSpan, Scope},
};

/// Where fields for the trace alone begin.
const TRACE_ONLY: &str = "otel.";

/// How spans keep their fields for [`Flat`].
pub(super) fn fields() -> JsonFields {
    JsonFields::new()
}

/// One JSON object a line.
pub(super) struct Flat;

impl<S> FormatEvent<S, JsonFields> for Flat
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line(Map::new());
        let mut now = String::new();
        SystemTime.format_time(&mut Writer::new(&mut now))?;
        line.put("timestamp", now);
        line.put("level", event.metadata().level().as_str());
        line.put("target", event.metadata().target());
        // From the outermost span to the line itself: the nearest word counts.
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let kept = extensions.get::<FormattedFields<JsonFields>>();
            let kept = kept.and_then(|fields| serde_json::from_str::<Map<_, _>>(fields).ok());
            line.0.extend(kept.into_iter().flatten().filter(|(name, _)| told(name)));
        }
        event.record(&mut line);
        let text = serde_json::to_string(&line.0).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

fn told(field: &str) -> bool {
    !field.starts_with(TRACE_ONLY)
}

struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }
}
