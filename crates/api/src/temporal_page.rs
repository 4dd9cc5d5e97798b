//! The proxy in front of Temporal's web page, which itself accepts everyone who can connect.
//!
//! Passes requests of that page and of users who open it, under the names of this machine. Refuses
//! requests from other origins and under foreign host names (DNS rebinding). Changes nothing.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, Uri, header, uri::PathAndQuery},
    response::{IntoResponse as _, Response},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    Access,
    problem::{Kind, Problem, chain},
};

/// Headers that belong to one connection, of which there are two here.
const HOP_BY_HOP: [HeaderName; 5] =
    [header::CONNECTION, header::TE, header::TRAILER, header::TRANSFER_ENCODING, header::UPGRADE];

struct Door {
    server: SocketAddr,
    access: Access,
}

/// Makes the routes in front of the page that `server` serves. Only names of this machine and
/// `access.hosts` are let in, and pages of no other origin.
pub fn temporal_page(server: SocketAddr, access: Access) -> Router {
    let access = Access { origins: Vec::new(), ..access };
    Router::new().fallback(pass).with_state(Arc::new(Door { server, access }))
}

async fn pass(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    door.access.check_page(&parts)?;
    let path = parts.uri.path_and_query().cloned();
    parts.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    for name in &HOP_BY_HOP {
        parts.headers.remove(name);
    }
    match ask(door.server, Request::from_parts(parts, body)).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            tracing::warn!(error = chain(&error), "Temporal's page does not answer");
            let detail = "Temporal's page does not answer; it is started again when it has died";
            Err(Problem::new(Kind::Unavailable, detail))
        }
    }
}

/// One request on a connection of its own, which lives until its answer was read.
async fn ask(server: SocketAddr, request: Request) -> io::Result<Response> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) =
        http1::handshake::<_, Body>(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to Temporal's page broke");
        }
    });
    let mut answer = sender.send_request(request).await.map_err(io::Error::other)?;
    for name in &HOP_BY_HOP {
        answer.headers_mut().remove(name);
    }
    Ok(answer.into_response())
}
