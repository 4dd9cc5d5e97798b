//! The table `videos` as rows, and their translation to and from [`Video`].
//!
//! Structured values are JSON in text columns on both databases: what comes back is what went in,
//! character for character, which PostgreSQL's own JSON types do not promise.

use contract::{ApiKeyId, Source, UploadId, VideoId};
use sea_orm::{IntoActiveModel, entity::prelude::*};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use crate::{Error, Private, Secret, Vault, VaultError, Video};

/// What of a video is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    private: Private,
    /// The whole address of the source, where it holds more than may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Secret>,
}

/// Serialised it is the copy of a video that a webhook's message holds.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "videos")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant: String,
    pub status: String,
    pub attempt: i64,
    pub source: String,
    pub options: String,
    pub metadata: String,
    pub summary: Option<String>,
    pub outputs: Option<String>,
    pub warnings: String,
    pub error: Option<String>,
    pub private: Option<String>,
    pub export: Option<String>,
    pub api_key: Option<Uuid>,
    pub upload: Option<Uuid>,
    #[serde(default)]
    pub removal: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row with every column to be written.
    pub(crate) fn into_active(self) -> ActiveModel {
        self.into_active_model().reset_all()
    }
}

impl Model {
    /// The row of a video, with its secrets sealed.
    pub(crate) fn of(video: &Video, vault: &Vault) -> Result<Self, Error> {
        Ok(Self {
            id: video.id.0,
            tenant: video.tenant.clone(),
            status: video.status.as_str().to_owned(),
            attempt: video.attempt.into(),
            source: to_json("source", &video.source.redacted())?,
            options: to_json("options", &video.options)?,
            metadata: to_json("metadata", &video.metadata)?,
            summary: video.summary.as_ref().map(|it| to_json("summary", it)).transpose()?,
            outputs: video.outputs.as_ref().map(|it| to_json("outputs", it)).transpose()?,
            warnings: to_json("warnings", &video.warnings)?,
            error: video.error.as_ref().map(|it| to_json("error", it)).transpose()?,
            private: seal(video, vault)?,
            export: video.export.as_ref().map(|it| to_json("export", it)).transpose()?,
            api_key: video.api_key.map(|key| key.0),
            upload: video.upload.map(|upload| upload.0),
            removal: video.removal.map(|removal| removal.as_str().to_owned()),
            created_at: video.created_at,
            updated_at: video.updated_at,
        })
    }
}

impl Model {
    /// The video of a row.
    pub(crate) fn into_video(self, vault: &Vault) -> Result<Video, Error> {
        let (id, row) = (VideoId(self.id), self);
        let private = row.private.map(|sealed| open(id, &sealed, vault)).transpose()?;
        let Sealed { private, address } = private.unwrap_or_default();
        let shown = from_json(id, "source", &row.source)?;
        let whole = address.map(|address| Source::Url { url: address.expose().to_owned() });
        Ok(Video {
            id,
            tenant: row.tenant,
            status: row.status.parse().map_err(corrupt(id, "status"))?,
            attempt: row.attempt.try_into().map_err(corrupt(id, "attempt"))?,
            source: whole.unwrap_or(shown),
            options: from_json(id, "options", &row.options)?,
            metadata: from_json(id, "metadata", &row.metadata)?,
            summary: row.summary.map(|text| from_json(id, "summary", &text)).transpose()?,
            outputs: row.outputs.map(|text| from_json(id, "outputs", &text)).transpose()?,
            warnings: from_json(id, "warnings", &row.warnings)?,
            error: row.error.map(|text| from_json(id, "error", &text)).transpose()?,
            private,
            export: row.export.map(|text| from_json(id, "export", &text)).transpose()?,
            api_key: row.api_key.map(ApiKeyId),
            upload: row.upload.map(UploadId),
            removal: row
                .removal
                .map(|text| text.parse())
                .transpose()
                .map_err(corrupt(id, "removal"))?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Fails when what is sealed in the row of a video cannot be opened.
pub(crate) fn check_seal(id: Uuid, sealed: &str, vault: &Vault) -> Result<(), VaultError> {
    vault.open(&VideoId(id).to_string(), sealed).map(drop)
}

fn seal(video: &Video, vault: &Vault) -> Result<Option<String>, Error> {
    let address = match &video.source {
        Source::Url { url } if video.source != video.source.redacted() => Some(Secret::new(url)),
        _ => None,
    };
    let sealed = Sealed { private: video.private.clone(), address };
    if sealed == Sealed::default() {
        return Ok(None);
    }
    let text = to_json("private", &sealed)?;
    Ok(Some(vault.seal(&video.id.to_string(), text.as_bytes())?))
}

fn open(video: VideoId, sealed: &str, vault: &Vault) -> Result<Sealed, Error> {
    let text = vault.open(&video.to_string(), sealed)?;
    serde_json::from_slice(&text).map_err(corrupt(video, "private"))
}

/// The stored form of `value`.
pub(crate) fn to_json(column: &'static str, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|source| Error::Unstorable { column, source: Box::new(source) })
}

/// A value as JSON that can be looked into.
pub(crate) fn to_value(
    column: &'static str,
    value: &impl Serialize,
) -> Result<serde_json::Value, Error> {
    serde_json::to_value(value)
        .map_err(|source| Error::Unstorable { column, source: Box::new(source) })
}

fn from_json<T: DeserializeOwned>(
    video: VideoId,
    column: &'static str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(corrupt(video, column))
}

/// A stored value that cannot be read back.
pub(crate) fn corrupt<E>(video: VideoId, column: &'static str) -> impl FnOnce(E) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| Error::Corrupt { video, column, source: Box::new(source) }
}
