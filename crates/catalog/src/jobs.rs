//! Jobs: every attempt at a video, written in the same transaction as the change of status.

use contract::{Failure, Status, VideoId};
use sea_orm::{ActiveValue, DatabaseTransaction, QueryOrder as _, entity::prelude::*};
use time::OffsetDateTime;

use crate::{Catalog, Error, row::corrupt, times::now};

/// One attempt at a video.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Which attempt; 1 for the first.
    pub attempt: u32,
    /// Its status, or how it ended.
    pub status: Status,
    /// Why it failed, when it did.
    pub error: Option<Failure>,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
    /// When its workflow began.
    pub began_at: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub video: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt: i64,
    pub status: String,
    pub error: Option<String>,
    pub created_at: OffsetDateTime,
    pub began_at: Option<OffsetDateTime>,
    pub ended_at: Option<OffsetDateTime>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Catalog {
    /// Every attempt at a video, the first one first; none when the id is unknown.
    pub async fn jobs(&self, video: VideoId) -> Result<Vec<Job>, Error> {
        let rows = Entity::find()
            .filter(Column::Video.eq(video.0))
            .order_by_asc(Column::Attempt)
            .all(&self.db)
            .await
            .map_err(Error::from_db)?;
        rows.into_iter().map(Model::into_job).collect()
    }
}

impl Model {
    fn into_job(self) -> Result<Job, Error> {
        let video = VideoId(self.video);
        let error = self.error.map(|text| serde_json::from_str(&text)).transpose();
        Ok(Job {
            attempt: self.attempt.try_into().map_err(corrupt(video, "attempt"))?,
            status: self.status.parse().map_err(corrupt(video, "status"))?,
            error: error.map_err(corrupt(video, "error"))?,
            created_at: self.created_at,
            began_at: self.began_at,
            ended_at: self.ended_at,
        })
    }
}

/// Adds an attempt that stands at `status`.
pub(crate) async fn add(
    tx: &DatabaseTransaction,
    video: VideoId,
    attempt: u32,
    status: Status,
) -> Result<(), Error> {
    let row = Model {
        video: video.0,
        attempt: attempt.into(),
        status: status.as_str().to_owned(),
        error: None,
        created_at: now(),
        began_at: None,
        ended_at: None,
    };
    let row = ActiveModel::from(row).reset_all();
    Entity::insert(row).exec_without_returning(tx).await.map(drop).map_err(Error::from_db)
}

/// Records that an attempt has moved to `status`, with the failure in the video's row.
pub(crate) async fn moved(
    tx: &DatabaseTransaction,
    video: VideoId,
    attempt: u32,
    status: Status,
    error: ActiveValue<Option<String>>,
) -> Result<(), Error> {
    use ActiveValue::{NotSet, Set};

    let row = ActiveModel {
        status: Set(status.as_str().to_owned()),
        error,
        began_at: if status == Status::Transcoding { Set(Some(now())) } else { NotSet },
        ended_at: if status.is_final() { Set(Some(now())) } else { NotSet },
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(row)
        .filter(Column::Video.eq(video.0))
        .filter(Column::Attempt.eq(i64::from(attempt)));
    update.exec(tx).await.map(drop).map_err(Error::from_db)
}

/// Forgets every attempt at a video.
pub(crate) async fn delete(tx: &DatabaseTransaction, video: VideoId) -> Result<(), Error> {
    let all = Entity::delete_many().filter(Column::Video.eq(video.0));
    all.exec(tx).await.map(drop).map_err(Error::from_db)
}
