//! A collector of OpenTelemetry traces on a loopback port, as tests see it.

use fixtures::PATIENCE;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use tokio::sync::watch;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// What was received so far.
pub(crate) struct Collector {
    address: String,
    spans: watch::Receiver<Vec<Span>>,
}

struct Receiver(watch::Sender<Vec<Span>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let groups = request.into_inner().resource_spans;
        let scopes = groups.into_iter().flat_map(|group| group.scope_spans);
        self.0.send_modify(|spans| spans.extend(scopes.flat_map(|scope| scope.spans)));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, spans) = watch::channel(Vec::new());
        let service = TraceServiceServer::new(Receiver(sender));
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, spans }
    }

    /// Address for `--otlp-endpoint`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits until `enough` says so of what was received, and returns it.
    pub(crate) async fn until(&mut self, enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let waiting = tokio::time::timeout(PATIENCE, self.spans.wait_for(|spans| enough(spans)));
        if let Ok(received) = waiting.await {
            return received.unwrap().clone();
        }
        let names: Vec<_> = self.spans.borrow().iter().map(|span| span.name.clone()).collect();
        panic!("only these spans came: {names:?}");
    }
}

/// A text attribute of a span.
pub(crate) fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}
