//! A service that is there when the test says so: an address that refuses, is silent, or leads to a
//! real server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use fixtures::Port;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixStream},
    task::{JoinHandle, JoinSet},
};

/// The server behind a gate.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// An address of this test alone. At first nobody listens there.
pub(crate) struct Gate {
    port: Port,
    to: Target,
    task: Option<JoinHandle<()>>,
}

impl Gate {
    /// In front of a server.
    pub(crate) fn before(to: Target) -> Self {
        Self { port: Port::take().unwrap(), to, task: None }
    }

    /// Where it listens, or will.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.number()).into()
    }

    /// Lets everybody through.
    pub(crate) async fn open(&mut self) {
        self.serve(Some(self.to.clone())).await;
    }

    /// Takes connections and never answers on them.
    pub(crate) async fn mute(&mut self) {
        self.serve(None).await;
    }

    /// Breaks every connection and refuses new ones.
    pub(crate) async fn close(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // Cancelled, which is what was asked.
            let _ = task.await;
        }
    }

    async fn serve(&mut self, to: Option<Target>) {
        self.close().await;
        let listener = TcpListener::bind(self.address()).await.unwrap();
        self.task = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let to = to.clone();
                connections.spawn(async move {
                    match to {
                        Some(Target::Tcp(to)) => join(stream, TcpStream::connect(to).await).await,
                        Some(Target::Unix(to)) => join(stream, UnixStream::connect(to).await).await,
                        None => {
                            std::future::pending::<()>().await;
                            drop(stream);
                        }
                    }
                });
            }
        }));
    }
}

async fn join(mut from: TcpStream, to: std::io::Result<impl AsyncRead + AsyncWrite + Unpin>) {
    if let Ok(mut to) = to {
        // Ends with either side, in whatever way.
        let _ = copy_bidirectional(&mut from, &mut to).await;
    }
}
