//! The client and what its calls return; how a file is fetched is `download`'s, how a page is `site`'s.

use std::{path::PathBuf, sync::Arc};

use reqwest::redirect::{Action, Attempt, Policy};
use url::Url;

use crate::{
    Config, Error, Filter,
    resolve::{FilteredResolver, Obstacle},
};

/// How many redirects are followed.
pub(crate) const MAX_REDIRECTS: usize = 5;

/// Fetches sources. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) config: Arc<Config>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) http: reqwest::Client,
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk, counted from the start of the source.
    pub done: u64,
    /// Size of the source in bytes, when the server says it.
    pub total: Option<u64>,
}

/// A source that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The server's tag of this version, quotes included.
    pub etag: Option<String>,
    /// What the server says it is; often wrong.
    pub content_type: Option<String>,
    /// What the server, or else the address, calls it: a plain name without folders, fit to be shown
    /// and to take an extension from, and not to be used as a path.
    pub file_name: Option<String>,
    /// The address it came from at last, after redirects. May hold a secret.
    pub final_url: Url,
}

impl Downloaded {
    /// Whether the server calls it a web page: then [`Client::is_site`] is worth asking.
    pub fn is_html(&self) -> bool {
        let essence = self.content_type.as_deref().and_then(|text| text.split(';').next());
        matches!(essence.map(str::trim), Some("text/html" | "application/xhtml+xml"))
    }
}

impl Client {
    /// Sets the client up. Opens no connection.
    pub fn new(config: Config) -> Result<Self, Error> {
        let filter = Arc::new(Filter::new(config.allow.clone()));
        let judge = Arc::clone(&filter);
        let http = guarded(&filter)
            .redirect(Policy::custom(move |attempt| follow(&judge, attempt)))
            .connect_timeout(config.connect_timeout)
            .read_timeout(config.read_timeout)
            .build()
            .map_err(|error| Error::Setup(error.into()))?;
        Ok(Self { config: Arc::new(config), filter, http })
    }

    /// The same client for something smaller: it refuses more than `max_bytes`.
    #[must_use]
    pub fn limited(&self, max_bytes: u64) -> Self {
        let max_bytes = max_bytes.min(self.config.max_bytes);
        Self { config: Arc::new(Config { max_bytes, ..(*self.config).clone() }), ..self.clone() }
    }

    /// What may be reached, for those who connect by other means.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The largest source, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.config.max_bytes
    }

    /// Sorts an error of the HTTP client, `done` bytes into the source.
    pub(crate) fn failure(error: reqwest::Error, asked: &Url, done: u64) -> Error {
        if let Some(obstacle) = obstacle(&error) {
            return obstacle.into();
        }
        let host = error.url().unwrap_or(asked).host_str().unwrap_or_default().to_owned();
        let is_connect = error.is_connect();
        let source = error.without_url().into();
        if is_connect {
            return Error::Unreachable { host, source };
        }
        Error::Interrupted { done, source }
    }
}

/// A client that connects only to what the filter permits, and sends servers no more than
/// necessary.
pub(crate) fn guarded(filter: &Arc<Filter>) -> reqwest::ClientBuilder {
    // An error says that the process has a provider, which is all that is needed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("millrace/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .dns_resolver(Arc::new(FilteredResolver(Arc::clone(filter))))
        // The address of a source may hold a secret that the next server must not see.
        .referer(false)
        // Sizes and ranges count the bytes as sent, so nothing may unpack them on the way.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

fn follow(filter: &Filter, attempt: Attempt<'_>) -> Action {
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error(Obstacle::TooManyRedirects);
    }
    match filter.check(attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(refusal) => attempt.error(Obstacle::Refused(refusal)),
    }
}

fn obstacle(error: &reqwest::Error) -> Option<Obstacle> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(obstacle) = error.downcast_ref::<Obstacle>() {
            return Some(obstacle.clone());
        }
        cause = error.source();
    }
    None
}
