//! `POST /videos`: accepts a video and starts its workflow.
//!
//! The catalogue's row comes first: it is what `waiting` finds when this process dies before the
//! workflow runs.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use catalog::{IdempotencyKey, Keyed, NewVideo, Private, Video};
use contract::{Export, Status, VideoId};
use media::options::{Options, published_prefix};
use serde::Deserialize;
use serde_json::{Map, Value};
use storage::{Bucket, Object};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    begin::begin,
    key::Key,
    source::{self, Named},
    stored,
    view::VideoView,
    webhook::{self, CreateWebhook},
};
use crate::{
    Api,
    caller::Caller,
    extract::JsonBody,
    observe,
    problem::{FieldError, Kind, Problem, chain},
};

/// Most bytes of `metadata`, written as compact JSON.
const METADATA_BYTES_MAX: usize = 16 * 1024;

/// A video to be made. Give `url`, or `upload_id`, or `bucket` and `key`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateVideo {
    /// http(s) URL of the source, without user name and password.
    #[schema(example = "https://example.com/clip.mp4", max_length = 4096)]
    url: Option<String>,
    /// Bucket of a source that is already in the store.
    #[schema(example = "videos")]
    bucket: Option<String>,
    /// Key of a source that is already in the store.
    #[schema(max_length = 1024)]
    key: Option<String>,
    /// An upload, finished or not; a video that waits for its upload begins by itself.
    #[schema(format = "uuid")]
    upload_id: Option<String>,
    /// What to make.
    options: Option<Options>,
    /// Your own data, returned unchanged; at most 16 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// The webhook that is called when the video has ended.
    webhook: Option<CreateWebhook>,
}

impl CreateVideo {
    /// A video of an object in the store.
    pub(crate) fn of_object(bucket: String, key: String, options: Options) -> Self {
        Self { bucket: Some(bucket), key: Some(key), options: Some(options), ..Self::default() }
    }
}

/// Accepts a video and starts making it.
#[utoipa::path(
    post,
    path = "/videos",
    tag = "videos",
    request_body = CreateVideo,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
        description = "Your own id of this request: repeated within 14 days with the same body, it returns the same video")),
    responses(
        (status = 202, description = "Accepted; follow `Location`", body = VideoView,
            headers(("Location" = String, description = "Path of the video"))),
        (status = "4XX", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "A part of the service does not answer; send it again", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    key: Key,
    JsonBody(asked): JsonBody<CreateVideo>,
) -> Result<impl IntoResponse, Problem> {
    let new = accepted(&api, &caller, asked).await?;
    let key = key.of(&new);
    let video = take(&api, new, key).await?;
    let view = VideoView::new(&api.settings, video, None);
    let location = [(header::LOCATION, view.path())];
    Ok((StatusCode::ACCEPTED, location, Json(view)))
}

/// Adds a video and starts its workflow.
pub(crate) async fn take(
    api: &Arc<Api>,
    new: NewVideo,
    key: Option<IdempotencyKey>,
) -> Result<Video, Problem> {
    let video = add(api, new, key).await?;
    observe::about(video.id);
    let video = Box::pin(caught_up(api, video)).await?;
    // Others wait for their upload, or were found under their key, on their way or at their end.
    if video.status == Status::Uploaded {
        begin(api, &video).await;
    }
    Ok(video)
}

async fn add(api: &Api, new: NewVideo, key: Option<IdempotencyKey>) -> Result<Video, Problem> {
    let Some(key) = key else { return Ok(api.catalog.insert(new).await?.into_video()) };
    match api.catalog.insert_once(new, key).await? {
        Keyed::Video(inserted) => Ok(inserted.into_video()),
        Keyed::Taken => {
            let detail = "it was sent before with another body; use a new key for a new request";
            Err(Problem::new(Kind::IdempotencyKeyReused, detail))
        }
    }
}

/// A video that waits for its upload, as it stands after another look: the upload may have ended
/// after the first one, and before there was a video to begin.
async fn caught_up(api: &Api, video: Video) -> Result<Video, Problem> {
    if video.status != Status::Uploading {
        return Ok(video);
    }
    if let Err(error) = api.settle_video(&video).await {
        let error = chain(&error);
        tracing::warn!(video = %video.id, error, "it begins at the next look through all uploads");
    }
    Ok(api.catalog.get(video.id).await?.unwrap_or(video))
}

/// Checks everything that can be known at once.
pub(crate) async fn accepted(
    api: &Arc<Api>,
    caller: &Caller,
    asked: CreateVideo,
) -> Result<NewVideo, Problem> {
    let CreateVideo { url, bucket, key, upload_id, options, metadata, webhook } = asked;
    let (options, metadata) = (options.unwrap_or_default(), metadata.unwrap_or_default());
    let source = source::check(&Named { url, bucket, key, upload_id });
    let faults = [
        source.as_ref().err().cloned(),
        options
            .validate()
            .err()
            .map(|fault| FieldError::body(&format!("options.{}", fault.path), &fault.reason)),
        check_metadata(&metadata).err(),
    ];
    let webhook = webhook.map(webhook::check).transpose();
    let (webhook, of_webhook) = webhook.map_or_else(|it| (None, it), |it| (it, Vec::new()));
    let faults: Vec<FieldError> = faults.into_iter().flatten().chain(of_webhook).collect();
    let source = match source {
        Ok(source) if faults.is_empty() => source,
        _ => return Err(Problem::invalid(faults)),
    };
    let found = source::find(api, caller, source).await?;
    check_mark(api, caller, &options).await?;
    let prefix = options.output_prefix.as_deref();
    let export = prefix.map(|prefix| Export::published(&published_prefix(&caller.tenant, prefix)));
    Ok(NewVideo {
        upload: found.upload,
        status: found.status,
        export,
        options,
        metadata: Value::Object(metadata),
        private: Private { webhook, stores: None },
        api_key: caller.key,
        ..NewVideo::new(VideoId(Uuid::now_v7()), caller.tenant.clone(), found.source)
    })
}

/// Refuses the picture of a watermark that the caller may not name.
async fn check_mark(api: &Api, caller: &Caller, options: &Options) -> Result<(), Problem> {
    let image = options.watermark.as_ref().and_then(|mark| mark.image.as_ref());
    let place = image.and_then(|image| image.bucket.as_ref().zip(image.key.as_ref()));
    let Some((bucket, key)) = place else { return Ok(()) };
    let refuse = |path: &str, reason: &str| {
        let path = format!("options.watermark.image.{path}");
        Problem::invalid(vec![FieldError::body(&path, reason)])
    };
    let bucket = Bucket::named(bucket).map_err(|error| refuse("bucket", &error.to_string()))?;
    let object = Object::new(bucket, key.as_str());
    let object = object.map_err(|error| refuse("key", &error.to_string()))?;
    if stored::is_open(api, caller, &object).await? {
        return Ok(());
    }
    Err(refuse("key", "there is no such object"))
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<(), FieldError> {
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes > METADATA_BYTES_MAX {
        let reason = format!("has {bytes} bytes; at most {METADATA_BYTES_MAX} are kept");
        return Err(FieldError::body("metadata", &reason));
    }
    Ok(())
}
