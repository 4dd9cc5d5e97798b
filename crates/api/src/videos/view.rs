//! The video as clients see it.
//!
//! Owns the JSON shape and every address in it. Nothing secret passes: the address of a source is shown
//! without query and credentials, and files of this machine are not named.

use catalog::{NewVideo, Unreadable, Video};
use contract::{
    ErrorCode, Failure, Progress, Source, SourceSummary, Status, UploadId, VideoId, Warning, below,
};
use media::options::Options;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{measured::Measured, outputs::OutputsView};
use crate::{Settings, deliveries::WebhookView};

/// A video as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VideoView {
    /// The video's id.
    id: VideoId,
    /// Its status.
    status: Status,
    /// The current attempt; 1 for the first.
    attempt: u32,
    /// When the video was accepted.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last changed its status.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// When the files of a failed or cancelled video are removed; until then it can be tried again.
    /// `null` where there are none to remove.
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// What it is made from.
    source: SourceView,
    /// What was requested.
    options: Options,
    /// How far it is; `null` in lists, and unless it is being made and a worker answers.
    progress: Option<Progress>,
    /// What can be played; `null` until it is ready.
    outputs: Option<OutputsView>,
    /// What could not be made as requested.
    warnings: Vec<Warning>,
    /// Why it failed; `null` unless it did.
    error: Option<Failure>,
    /// Your own data, as given.
    #[schema(value_type = Object)]
    metadata: serde_json::Value,
    /// The webhook that is called when it has ended; `null` without one.
    webhook: Option<WebhookView>,
    /// Links.
    links: Links,
}

/// What a video is made from. Facts of the file are there once the video is ready.
#[derive(Debug, Serialize, ToSchema)]
struct SourceView {
    /// `url`, `object`, `upload`, `given` (a bucket of yours), `file`, or `unknown` where the record
    /// cannot be read.
    #[schema(example = "url")]
    kind: String,
    /// The URL, without its query, which may contain a signature, and without user name and
    /// password.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Bucket of a source in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    /// Key of a source in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The upload it was sent in.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_id: Option<UploadId>,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    /// Facts about the file.
    #[serde(flatten)]
    measured: Measured,
}

/// Links of a video.
#[derive(Debug, Serialize, ToSchema)]
struct Links {
    /// Path of the video in this API.
    #[serde(rename = "self")]
    this: String,
    /// URL of the master playlist; absent until the video is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    playlist: Option<String>,
    /// URL of the thumbnail; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    thumbnail: Option<String>,
    /// URL of the chapters as WebVTT; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    chapters: Option<String>,
    /// The current attempt in Temporal's web page, if its URL is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    temporal: Option<String>,
}

impl VideoView {
    pub(crate) fn new(settings: &Settings, video: Video, progress: Option<Progress>) -> Self {
        let expires_at = expiry(settings, &video);
        let outputs = video.outputs.map(|outputs| OutputsView::new(&settings.media_base, outputs));
        let links = Links {
            this: format!("/videos/{}", video.id),
            playlist: outputs.as_ref().map(|outputs| outputs.0.master.clone()),
            thumbnail: outputs.as_ref().and_then(OutputsView::thumbnail),
            chapters: outputs.as_ref().and_then(OutputsView::chapters),
            temporal: settings.temporal_ui.as_ref().map(|pages| {
                let workflow = video.id.workflow_id(video.attempt);
                below(pages, ["namespaces", &settings.namespace, "workflows", &workflow])
            }),
        };
        Self {
            id: video.id,
            status: video.status,
            attempt: video.attempt,
            created_at: video.created_at,
            updated_at: video.updated_at,
            expires_at,
            source: SourceView::new(&video.source, video.summary),
            options: video.options,
            progress,
            outputs,
            warnings: video.warnings,
            error: video.error,
            metadata: video.metadata,
            webhook: video.private.webhook.as_ref().map(WebhookView::new),
            links,
        }
    }

    /// What can be said of a video whose record cannot be read.
    pub(crate) fn unreadable(settings: &Settings, row: &Unreadable) -> Self {
        let nothing = Source::File { path: String::new() };
        let message = format!("the record of this video cannot be read: {}", row.reason);
        let mut video = NewVideo::new(VideoId(row.id), "", nothing).described();
        video.status = row.status.unwrap_or(Status::Failed);
        video.error = Some(Failure { code: ErrorCode::Internal, message });
        let mut view = Self::new(settings, video, None);
        view.expires_at = None;
        view.source.kind = String::from("unknown");
        view
    }

    /// The status of the video.
    pub(crate) fn status(&self) -> Status {
        self.status
    }

    /// The path of the video in this API.
    pub(crate) fn path(&self) -> String {
        self.links.this.clone()
    }
}

/// When `keep_failed` is over: counted from the end of the attempt, which is the last change of the
/// row of a video that has ended.
fn expiry(settings: &Settings, video: &Video) -> Option<OffsetDateTime> {
    let kept =
        matches!(video.status, Status::Failed | Status::Cancelled) && video.removal.is_none();
    kept.then(|| video.updated_at + settings.keep_failed)
}

impl SourceView {
    fn new(source: &Source, summary: Option<SourceSummary>) -> Self {
        let kind = source.kind().to_string();
        let measured = summary.map(Measured::from).unwrap_or_default();
        let empty = Self {
            kind,
            url: None,
            bucket: None,
            key: None,
            upload_id: None,
            file_name: None,
            measured,
        };
        match source.redacted() {
            Source::Url { url } => Self { url: Some(url).filter(|url| !url.is_empty()), ..empty },
            Source::Object { bucket, key } => {
                Self { bucket: Some(bucket), key: Some(key), ..empty }
            }
            Source::Upload { upload, file_name } => {
                Self { upload_id: Some(upload), file_name: Some(file_name), ..empty }
            }
            Source::Given { key } => Self { key: Some(key), ..empty },
            Source::File { .. } => empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let shown = |url: &str| SourceView::new(&Source::Url { url: url.to_owned() }, None).url;
        assert_eq!(shown("https://u:p@h/a?t=1").as_deref(), Some("https://h/a"));
        assert_eq!(shown("https://h/a?t=1#x").as_deref(), Some("https://h/a"));
        assert_eq!(shown("//u:p@h/a"), None);
        let file = SourceView::new(&Source::File { path: "/home/me/a.mp4".into() }, None);
        assert_eq!(serde_json::to_value(file).unwrap(), serde_json::json!({"kind": "file"}));
    }
}
