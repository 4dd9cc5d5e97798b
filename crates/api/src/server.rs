//! The HTTP server below every listener: who may connect, and how long a request may take to arrive.
//!
//! Idle connections cannot lock others out: a full listener closes the connection that has been
//! idle longest. When every connection has a request in progress it refuses new ones, except for a
//! reserve in which the paths of monitoring are answered.

mod body;
mod connections;

use std::{io, net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, header},
    response::{IntoResponse as _, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use metrics::counter;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use crate::problem::{Kind, Problem};
use body::{Answering, Arriving};
use connections::{Connections, Seat};

/// How long requests in flight may still take once the service is asked to stop.
const GRACE: Duration = Duration::from_secs(10);
/// What is answered while a listener is full, so that a busy process is not taken for a dead one.
const MONITORING: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// How many connections a listener holds.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// In total. Each takes a file descriptor.
    pub all: NonZeroUsize,
    /// At the same time from one IPv4 address or one IPv6 network of 64 bits.
    pub per_address: NonZeroUsize,
    /// How long each part of a request may take.
    pub timeouts: Timeouts,
}

/// How long clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of a request, or idle between two. 10 s by default.
    pub head: Duration,
    /// Without a byte of a request's body. 30 s by default.
    pub body: Duration,
    /// Minimum bytes per second of a body, once `body` has passed. 1 KiB by default: even slow
    /// modems are faster.
    pub body_rate: u64,
    /// In which the client reads nothing of a response. A minute by default.
    pub write: Duration,
    /// The pause after a failed accept, such as for lack of file descriptors. 100 ms by default.
    pub accept_pause: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            body_rate: 1024,
            write: Duration::from_mins(1),
            accept_pause: Duration::from_millis(100),
        }
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        let limit = |number| NonZeroUsize::new(number).expect("these numbers are not zero");
        Self { all: limit(4096), per_address: limit(1024), timeouts: Timeouts::default() }
    }
}

/// Serves until `shutdown` is done; requests in flight then have ten seconds to finish.
///
/// A connection whose head, body or response takes longer than `limits` allow is closed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let connections = Arc::new(Connections::new(limits));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let seat = connections.admit(peer.ip());
                open((stream, peer), seat, router.clone(), limits.timeouts, &graceful);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(limits.timeouts.accept_pause).await;
            }
        }
    }
    drop(listener);
    // What is not done by then is cut off.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

/// Serves one connection on a task of its own.
fn open(
    (stream, peer): (TcpStream, SocketAddr),
    seat: Seat,
    router: Router,
    timeouts: Timeouts,
    graceful: &GracefulShutdown,
) {
    let seat = Arc::new(seat);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeouts.write));
    let answering = Arc::clone(&seat);
    let service = service_fn(move |request: Request<Incoming>| {
        let guard = answering.answer();
        let refused = answering.is_reserve() && !MONITORING.contains(&request.uri().path());
        let mut request = request.map(|body| Body::new(Arriving::new(body, timeouts)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            let answer = if refused { Ok(full()) } else { router.oneshot(request).await };
            answer.map(|answer| answer.map(|body| Answering::new(body, guard)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            // Clients that leave midway are everyday life.
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            },
            () = seat.withdrawn() => {
                counter!("millrace_http_connections_evicted_total").increment(1);
            }
        }
    });
}

/// The answer of a listener that is full.
fn full() -> Response<Body> {
    counter!("millrace_http_connections_refused_total").increment(1);
    let detail = "Too many requests are being answered at the moment.";
    let mut answer = Problem::new(Kind::Unavailable, detail).into_response();
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
