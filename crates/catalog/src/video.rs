//! A video as the catalogue knows it.

use contract::{
    ApiKeyId, Export, Failure, Outputs, Source, SourceSummary, Status, UploadId, VideoId, Warning,
};
use media::options::Options;
use time::OffsetDateTime;

use crate::{Private, Removal};

/// A video to be added.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVideo {
    /// Its id, chosen by the caller. Lists are in the order of ids, so it must be a `UUIDv7`.
    pub id: VideoId,
    /// The tenant that owns the video.
    pub tenant: String,
    /// Where its input comes from.
    pub source: Source,
    /// What was requested.
    pub options: Options,
    /// The user's own data, kept as it is.
    pub metadata: serde_json::Value,
    /// What only workers may see.
    pub private: Private,
    /// Where else the outputs go.
    pub export: Option<Export>,
    /// The key it was submitted with.
    pub api_key: Option<ApiKeyId>,
    /// The upload it is made from; while that is not finished the video is `uploading`.
    pub upload: Option<UploadId>,
    /// Where it begins: `uploading` or `uploaded`.
    pub status: Status,
}

/// A video.
#[derive(Clone, Debug, PartialEq)]
pub struct Video {
    /// Its id.
    pub id: VideoId,
    /// The tenant that owns the video.
    pub tenant: String,
    /// Its status.
    pub status: Status,
    /// The current attempt; 1 for the first.
    pub attempt: u32,
    /// Where its input comes from.
    pub source: Source,
    /// What was requested.
    pub options: Options,
    /// The user's own data, as given.
    pub metadata: serde_json::Value,
    /// What the source was; known once the video is ready.
    pub summary: Option<SourceSummary>,
    /// What was published; known once the video is ready.
    pub outputs: Option<Outputs>,
    /// Warnings; known once the attempt has ended.
    pub warnings: Vec<Warning>,
    /// Why the video failed, when it did.
    pub error: Option<Failure>,
    /// What nobody but the workers may see.
    pub private: Private,
    /// Where else the outputs go.
    pub export: Option<Export>,
    /// The key it was submitted with.
    pub api_key: Option<ApiKeyId>,
    /// The upload it is made from.
    pub upload: Option<UploadId>,
    /// What is, or was, removed of it.
    pub removal: Option<Removal>,
    /// When the video was added; whole microseconds, UTC.
    pub created_at: OffsetDateTime,
    /// When its row last changed; whole microseconds, UTC.
    pub updated_at: OffsetDateTime,
}

/// The answer to adding a video.
#[derive(Clone, Debug, PartialEq)]
pub enum Inserted {
    /// It was added.
    Inserted(Video),
    /// The id was there before; this is that video, unchanged.
    AlreadyThere(Video),
}

impl Inserted {
    /// The video, whoever added it.
    pub fn into_video(self) -> Video {
        match self {
            Self::Inserted(video) | Self::AlreadyThere(video) => video,
        }
    }
}

impl NewVideo {
    /// A video that can begin at once, with nothing asked.
    pub fn new(id: VideoId, tenant: impl Into<String>, source: Source) -> Self {
        Self {
            id,
            tenant: tenant.into(),
            source,
            options: Options::default(),
            metadata: serde_json::Value::Object(serde_json::Map::new()),
            private: Private::default(),
            export: None,
            api_key: None,
            upload: None,
            status: Status::Uploaded,
        }
    }

    /// The video as it would stand if it had been added when its id was made.
    pub fn described(self) -> Video {
        let made = self.id.0.get_timestamp().map(|made| made.to_unix());
        let made = made.and_then(|(seconds, _)| {
            OffsetDateTime::from_unix_timestamp(seconds.try_into().ok()?).ok()
        });
        self.into_video(made.unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }

    pub(crate) fn into_video(self, now: OffsetDateTime) -> Video {
        Video {
            id: self.id,
            tenant: self.tenant,
            status: self.status,
            attempt: 1,
            source: self.source,
            options: self.options,
            metadata: self.metadata,
            summary: None,
            outputs: None,
            warnings: Vec::new(),
            error: None,
            private: self.private,
            export: self.export,
            api_key: self.api_key,
            upload: self.upload,
            removal: None,
            created_at: now,
            updated_at: now,
        }
    }
}
