//! Opens the buckets a video came with: their credentials come from the catalogue, and whether their
//! address may be reached is asked of the filter that sources pass.

use std::sync::Arc;

use catalog::GivenStore;
use contract::{ErrorCode, VideoId};
use storage::{External, ExternalConfig, Permits, Secret};

use crate::{Deps, failure::Error};

/// The buckets of a video, open.
#[derive(Debug)]
pub(crate) struct Given {
    /// Where the source is and the outputs go.
    pub(crate) main: External,
    /// Where the master copy goes.
    pub(crate) mezzanine: External,
    /// Name of the first.
    pub(crate) bucket: String,
}

/// Makes no request to them, but refuses a literal address that may not be reached.
pub(crate) async fn open(
    deps: &Deps,
    video: VideoId,
) -> Result<Result<Given, storage::Error>, Error> {
    let found = deps.catalog.get(video).await?.and_then(|video| video.private.stores);
    let stores = found.ok_or_else(|| {
        Error::media(ErrorCode::Internal, "the catalogue has no buckets of this video")
    })?;
    let filter = deps.fetch.filter().clone();
    let permits = Permits(Arc::new(move |address| filter.permits(address)));
    let open = |store: &GivenStore| External::open(&config(store)?, &permits);
    let opened = open(&stores.main).and_then(|main| {
        let mezzanine = stores.mezzanine.as_ref().map_or_else(|| Ok(main.clone()), open)?;
        Ok(Given { main, mezzanine, bucket: stores.main.bucket.clone() })
    });
    Ok(opened)
}

fn config(store: &GivenStore) -> Result<ExternalConfig, storage::Error> {
    let reason = "endpoint is not an address";
    let endpoint = store.endpoint.parse().map_err(|_| storage::Error::InvalidConfig { reason })?;
    Ok(ExternalConfig {
        endpoint,
        region: store.region.clone(),
        bucket: store.bucket.clone(),
        access_key: store.access_key.expose().to_owned(),
        secret_key: Secret::new(store.secret_key.expose()),
    })
}
