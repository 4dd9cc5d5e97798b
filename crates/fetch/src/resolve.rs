//! Turns host names into addresses that may be reached. It is asked at every connect, so a name that
//! changes its address between two questions gains nothing.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use dns_lookup::LookupErrorKind;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::task;

use crate::{Error, Filter, Refusal};

/// What stops a request before it reaches a server; found again in the chain of reqwest's errors.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("refused: {0}")]
    Refused(Refusal),
    #[error("there is no host called `{host}`")]
    NoSuchHost { host: String },
    #[error("`{host}` cannot be looked up")]
    LookupFailed { host: String, detail: String },
    #[error("too many redirects")]
    TooManyRedirects,
}

impl From<Obstacle> for Error {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Refused(reason) => Self::Forbidden { reason },
            Obstacle::NoSuchHost { host } => Self::NoSuchHost { host },
            Obstacle::LookupFailed { host, detail } => {
                Self::Unreachable { host, source: detail.into() }
            }
            Obstacle::TooManyRedirects => {
                Self::TooManyRedirects { limit: crate::client::MAX_REDIRECTS }
            }
        }
    }
}

/// The addresses of `host` (a name, or an address as text) that `filter` permits; never none.
pub(crate) async fn addresses(filter: &Filter, host: &str) -> Result<Vec<IpAddr>, Obstacle> {
    let found = match host.parse() {
        Ok(address) => vec![address],
        Err(_) => look_up(host).await?,
    };
    let permitted: Vec<IpAddr> =
        found.into_iter().filter(|address| filter.permits(*address)).collect();
    if permitted.is_empty() {
        return Err(Obstacle::Refused(Refusal::Address { host: host.to_owned() }));
    }
    Ok(permitted)
}

// The resolver of the standard library is the same getaddrinfo, but tells "no such name" from
// "ask again later" in words only.
async fn look_up(host: &str) -> Result<Vec<IpAddr>, Obstacle> {
    let name = host.to_owned();
    let answer = task::spawn_blocking(move || {
        let answer = dns_lookup::getaddrinfo(Some(&name), None, None)?;
        let mut addresses: Vec<IpAddr> = Vec::new();
        for entry in answer.flatten() {
            let address = entry.sockaddr.ip();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    });
    match answer.await {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(lookup_obstacle(host, &error)),
        Err(error) => {
            Err(Obstacle::LookupFailed { host: host.to_owned(), detail: error.to_string() })
        }
    }
}

fn lookup_obstacle(host: &str, error: &dns_lookup::LookupError) -> Obstacle {
    let host = host.to_owned();
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => Obstacle::NoSuchHost { host },
        _ => Obstacle::LookupFailed { host, detail: error.to_string() },
    }
}

/// The resolver given to reqwest, which asks it for names and never for literal addresses.
pub(crate) struct FilteredResolver(pub(crate) Arc<Filter>);

impl Resolve for FilteredResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let filter = Arc::clone(&self.0);
        Box::pin(async move {
            let permitted = addresses(&filter, name.as_str()).await?;
            // Port 0 means the port of the address that is fetched.
            let addrs: Addrs =
                Box::new(permitted.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use dns_lookup::LookupError;

    use super::*;

    #[test]
    fn only_a_name_that_does_not_exist_is_final() {
        let transient =
            |code| Error::from(lookup_obstacle("a", &LookupError::new(code))).is_transient();
        // EAI_NONAME, EAI_NODATA; EAI_AGAIN, EAI_FAIL, EAI_SYSTEM of glibc.
        assert_eq!([-2, -5].map(transient), [false; 2]);
        assert_eq!([-3, -4, -11].map(transient), [true; 3]);
    }

    #[tokio::test]
    async fn the_name_of_this_machine_is_refused() {
        let refused = addresses(&Filter::default(), "localhost").await;
        assert!(matches!(refused, Err(Obstacle::Refused(Refusal::Address { .. }))), "{refused:?}");
        let filter = Filter::new(vec!["127.0.0.1".parse().unwrap()]);
        let permitted = addresses(&filter, "localhost").await.unwrap();
        assert_eq!(permitted, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    }
}
