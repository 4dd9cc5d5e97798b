//! The message that `POST /api/transcode/submit` promises.

use catalog::Video;
use contract::compat;
use serde_json::{Value, json};

/// The body for a video that has ended.
pub(crate) fn body(video: &Video) -> Value {
    json!({
        "job_id": video.id,
        "status": compat::transcode_status(video.status),
        "outputs": compat::profiles(video.outputs.as_ref()),
        "error": compat::error(video.status, video.error.as_ref()),
    })
}
