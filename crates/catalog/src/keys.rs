//! Idempotency keys: a repeated request finds the video of the first one.
//!
//! Key and video are written in one transaction, so of any number of racing requests with one key
//! exactly one adds a video.

use contract::VideoId;
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};
use time::{Duration, OffsetDateTime};

use crate::{
    Catalog, Error, Inserted, NewVideo,
    connect::tx,
    row,
    times::{earlier, now},
};

/// How long a key is remembered.
const KEPT: Duration = Duration::days(14);

/// A client's name for a request, and a hash of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The client's own text.
    pub key: String,
    /// Hash of the request.
    pub fingerprint: String,
}

/// The result of adding a video under a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Keyed {
    /// The video, added now or found under the same key.
    Video(Box<Inserted>),
    /// The key belongs to another request.
    Taken,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub fingerprint: String,
    pub video: Uuid,
    pub created_at: OffsetDateTime,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Catalog {
    /// Adds a video as [`Catalog::insert`] does, unless its tenant has used the key before: then
    /// that video is the answer, if the request was the same. Keys are kept for 14 days.
    pub async fn insert_once(&self, new: NewVideo, by: IdempotencyKey) -> Result<Keyed, Error> {
        let video = new.into_video(now());
        let tx = tx(&self.db).await?;
        let old = Entity::delete_many().filter(earlier(&tx, Column::CreatedAt, now() - KEPT));
        old.exec(&tx).await.map_err(Error::from_db)?;
        let row = ActiveModel {
            tenant: Set(video.tenant.clone()),
            key: Set(by.key.clone()),
            fingerprint: Set(by.fingerprint.clone()),
            video: Set(video.id.0),
            created_at: Set(video.created_at),
        };
        let untouched = OnConflict::columns([Column::Tenant, Column::Key]).do_nothing().to_owned();
        let added = Entity::insert(row).on_conflict(untouched).exec_without_returning(&tx).await;
        if added.map_err(Error::from_db)? == 0 {
            let first = Entity::find_by_id((video.tenant.clone(), by.key)).one(&tx).await;
            let first = first.map_err(Error::from_db)?;
            tx.rollback().await.map_err(Error::from_db)?;
            return match first {
                Some(first) if first.fingerprint == by.fingerprint => {
                    let found = self.require(VideoId(first.video)).await?;
                    Ok(Keyed::Video(Box::new(Inserted::AlreadyThere(found))))
                }
                _ => Ok(Keyed::Taken),
            };
        }
        row::Entity::insert(row::Model::of(&video, &self.vault)?.into_active())
            .exec_without_returning(&tx)
            .await
            .map_err(Error::from_insert)?;
        crate::added(&tx, &video).await?;
        tx.commit().await.map_err(Error::from_db)?;
        Ok(Keyed::Video(Box::new(Inserted::Inserted(video))))
    }
}
