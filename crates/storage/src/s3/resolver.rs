//! Looks names up and keeps the addresses that may be reached. It is asked at every connect, so a name
//! that changes its address between two questions gains nothing.

use std::net::IpAddr;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use super::external::Permits;

/// A name none of whose addresses may be reached; found again in the chain of a request's error.
#[derive(Debug, thiserror::Error)]
#[error("no address of {host} may be reached")]
pub(super) struct Blocked {
    pub(super) host: String,
}

#[derive(Clone, Debug)]
pub(super) struct Resolver {
    permits: Permits,
}

impl Resolver {
    pub(super) fn new(permits: Permits) -> Self {
        Self { permits }
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ResolveDnsError> {
        // The port plays no part: the connector puts its own in.
        let found = tokio::net::lookup_host((host, 0)).await.map_err(ResolveDnsError::new)?;
        let permitted: Vec<IpAddr> = found
            .map(|address| address.ip())
            .filter(|address| (self.permits.0)(*address))
            .collect();
        if permitted.is_empty() {
            return Err(ResolveDnsError::new(Blocked { host: host.to_owned() }));
        }
        Ok(permitted)
    }
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(self.addresses(name))
    }
}
