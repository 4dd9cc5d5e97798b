//! Starts the workflow of a video that has just been recorded.
//!
//! The row guarantees that the video is made. A slow start continues in the background, so that a
//! busy Temporal does not delay clients; if it fails temporarily, `reconcile` repeats it.

use std::sync::Arc;

use catalog::Video;
use tracing::Instrument as _;

use crate::{Api, problem::chain, temporal};

/// Starts the current attempt. Run twice, it starts nothing more.
pub(crate) async fn begin(api: &Arc<Api>, video: &Video) {
    let starting = start(Arc::clone(api), video.clone()).in_current_span();
    let starting = tokio::spawn(starting);
    // Late or not: the task goes on, and says in the log what became of it.
    let _ = tokio::time::timeout(api.settings.start_within, starting).await;
}

async fn start(api: Arc<Api>, video: Video) {
    let Err(error) = temporal::start(&api, &video).await else { return };
    if error.is_transient() {
        let error = chain(&error);
        tracing::warn!(video = %video.id, error, "not started now; it will be within two minutes");
        return;
    }
    // Whether the request arrived is not known; the failed row settles it: a workflow that was
    // started after all finds it and stops.
    tracing::error!(video = %video.id, error = chain(&error), "cannot be started");
    if let Err(error) = api.finish(&temporal::not_started(&video, &error)).await {
        let error = chain(&error);
        tracing::error!(video = %video.id, error, "a video without workflow stays uploaded");
    }
}
