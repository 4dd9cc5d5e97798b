//! The SDK's own metrics, written to the process's recorder with ours.
//!
//! The SDK's exporter would need a port of its own, and its registry cannot be read from outside;
//! its meter is a trait, so this one passes every instrument on. Names follow Prometheus: counters
//! end in `_total` and durations, which are in seconds, in `_seconds`.

use std::{collections::HashMap, error::Error, sync::Arc, time::Duration};

use metrics::{Key, Label, Level, Metadata, with_recorder};
use temporalio_common::telemetry::metrics::{
    CoreMeter, Counter, CounterBase, Gauge, GaugeBase, GaugeF64, GaugeF64Base, Histogram,
    HistogramBase, HistogramDuration, HistogramDurationBase, HistogramF64, HistogramF64Base,
    MetricAttributable, MetricAttributes, MetricParameters, NewAttributes, UpDownCounter,
    UpDownCounterBase,
};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The meter that the SDK's runtime is given.
#[derive(Debug)]
pub(crate) struct Meter;

impl CoreMeter for Meter {
    fn new_attributes(&self, attributes: NewAttributes) -> MetricAttributes {
        MetricAttributes::NoOp(Arc::new(attributes.into()))
    }

    fn extend_attributes(
        &self,
        existing: MetricAttributes,
        attributes: NewAttributes,
    ) -> MetricAttributes {
        let mut labels = match existing {
            MetricAttributes::NoOp(labels) => HashMap::clone(&labels),
            _ => HashMap::new(),
        };
        labels.extend(HashMap::<String, String>::from(attributes));
        MetricAttributes::NoOp(Arc::new(labels))
    }

    fn counter(&self, params: MetricParameters) -> Counter {
        let named = Named::new(&params, "_total");
        with_recorder(|recorder| recorder.describe_counter(named.key(), None, named.help()));
        Counter::new(Arc::new(named))
    }

    fn histogram(&self, params: MetricParameters) -> Histogram {
        Histogram::new(Arc::new(Named::distribution(&params, "")))
    }

    fn histogram_f64(&self, params: MetricParameters) -> HistogramF64 {
        HistogramF64::new(Arc::new(Named::distribution(&params, "")))
    }

    fn histogram_duration(&self, params: MetricParameters) -> HistogramDuration {
        HistogramDuration::new(Arc::new(Named::distribution(&params, "_seconds")))
    }

    fn gauge(&self, params: MetricParameters) -> Gauge {
        Gauge::new(Arc::new(Named::level(&params)))
    }

    fn gauge_f64(&self, params: MetricParameters) -> GaugeF64 {
        GaugeF64::new(Arc::new(Named::level(&params)))
    }

    fn up_down_counter(&self, params: MetricParameters) -> UpDownCounter {
        UpDownCounter::new(Arc::new(Named::level(&params)))
    }
}

/// An instrument without labels yet.
struct Named {
    name: String,
    help: String,
}

impl Named {
    fn new(params: &MetricParameters, suffix: &str) -> Self {
        let name = format!("{}{suffix}", params.name.trim_end_matches(suffix));
        let help = match &*params.description {
            "" => "A metric of Temporal's SDK.".to_owned(),
            description => description.to_owned(),
        };
        Self { name, help }
    }

    fn distribution(params: &MetricParameters, suffix: &str) -> Self {
        let named = Self::new(params, suffix);
        with_recorder(|recorder| recorder.describe_histogram(named.key(), None, named.help()));
        named
    }

    fn level(params: &MetricParameters) -> Self {
        let named = Self::new(params, "");
        with_recorder(|recorder| recorder.describe_gauge(named.key(), None, named.help()));
        named
    }

    fn key(&self) -> metrics::KeyName {
        self.name.clone().into()
    }

    fn help(&self) -> metrics::SharedString {
        self.help.clone().into()
    }

    fn with(&self, attributes: &MetricAttributes) -> Key {
        let mut labels = Vec::new();
        if let MetricAttributes::NoOp(given) = attributes {
            labels
                .extend(given.iter().map(|(name, value)| Label::new(name.clone(), value.clone())));
        }
        Key::from_parts(self.name.clone(), labels)
    }
}

/// An instrument with its labels.
struct Bound<T>(T);

/// Binds the instruments of one kind: `$register` makes the handle, `$record` writes to it.
macro_rules! bind {
    ($base:ident, $method:ident, $value:ty, $handle:ty, $register:ident, |$to:ident, $given:ident| $record:expr) => {
        impl $base for Bound<($handle, std::marker::PhantomData<$value>)> {
            fn $method(&self, $given: $value) {
                let $to = &self.0.0;
                $record
            }
        }

        impl MetricAttributable<Box<dyn $base>> for Named {
            fn with_attributes(
                &self,
                attributes: &MetricAttributes,
            ) -> Result<Box<dyn $base>, Box<dyn Error>> {
                let key = self.with(attributes);
                let handle = with_recorder(|recorder| recorder.$register(&key, &METADATA));
                Ok(Box::new(Bound((handle, std::marker::PhantomData::<$value>))))
            }
        }
    };
}

bind!(CounterBase, adds, u64, metrics::Counter, register_counter, |to, n| to.increment(n));
bind!(HistogramBase, records, u64, metrics::Histogram, register_histogram, |to, n| to
    .record(n as f64));
bind!(HistogramF64Base, records, f64, metrics::Histogram, register_histogram, |to, n| to.record(n));
bind!(HistogramDurationBase, records, Duration, metrics::Histogram, register_histogram, |to, d| to
    .record(d));
bind!(GaugeBase, records, u64, metrics::Gauge, register_gauge, |to, n| to.set(n as f64));
bind!(GaugeF64Base, records, f64, metrics::Gauge, register_gauge, |to, n| to.set(n));
bind!(UpDownCounterBase, adds, i64, metrics::Gauge, register_gauge, |to, n| to.increment(n as f64));
