//! Uploads: which file of which tenant, and whether all of it is in the store.
//!
//! How many bytes have arrived is not kept here: the file that receives them knows.

use contract::{Status, UploadId, VideoId};
use sea_orm::{
    Condition, DatabaseTransaction, IntoActiveModel as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _, Select,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait as _},
};
use time::OffsetDateTime;

use crate::{
    Catalog, Error, Video, read, row,
    times::{earlier, now},
};

/// Most uploads read at a time.
pub const UPLOADS_MAX: u64 = 200;

/// How the bytes of an upload arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum UploadWay {
    /// Through the API, resumable.
    #[sea_orm(string_value = "tus")]
    Tus,
    /// Straight into the store, by a presigned URL.
    #[sea_orm(string_value = "presigned")]
    Presigned,
}

/// The status of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum UploadStatus {
    /// It is not, or not known to be, in the store.
    #[sea_orm(string_value = "open")]
    Open,
    /// All of it is in the store.
    #[sea_orm(string_value = "finished")]
    Finished,
}

/// An upload to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// Its id, chosen by the caller: a `UUIDv7`.
    pub id: UploadId,
    /// The tenant that owns the upload.
    pub tenant: String,
    /// How the bytes arrive.
    pub way: UploadWay,
    /// The file's name.
    pub file_name: String,
    /// Length of the file.
    pub bytes: u64,
    /// The `Upload-Metadata` of a tus client, as sent.
    pub metadata: Option<String>,
}

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// The tenant that owns the upload.
    pub tenant: String,
    /// Its status.
    pub status: UploadStatus,
    /// How the bytes arrive.
    pub way: UploadWay,
    /// What the user calls the file.
    pub file_name: String,
    /// Length of the file.
    pub bytes: u64,
    /// What a tus client said about the file, as it said it.
    pub metadata: Option<String>,
    /// When it was added; whole microseconds, UTC.
    pub created_at: OffsetDateTime,
    /// When bytes were last announced, or it was finished; whole microseconds, UTC.
    pub updated_at: OffsetDateTime,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "uploads")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant: String,
    pub status: UploadStatus,
    pub way: UploadWay,
    pub file_name: String,
    pub bytes: i64,
    pub metadata: Option<String>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Upload {
    fn from(row: Model) -> Self {
        Self {
            id: UploadId(row.id),
            tenant: row.tenant,
            status: row.status,
            way: row.way,
            file_name: row.file_name,
            bytes: row.bytes.unsigned_abs(),
            metadata: row.metadata,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Catalog {
    /// Adds an upload, open.
    pub async fn add_upload(&self, new: NewUpload) -> Result<Upload, Error> {
        let now = now();
        let row = Model {
            id: new.id.0,
            tenant: new.tenant,
            status: UploadStatus::Open,
            way: new.way,
            file_name: new.file_name,
            bytes: i64::try_from(new.bytes).unwrap_or(i64::MAX),
            metadata: new.metadata,
            created_at: now,
            updated_at: now,
        };
        let added = Entity::insert(row.clone().into_active_model().reset_all());
        added.exec_without_returning(&self.db).await.map_err(Error::from_db)?;
        Ok(row.into())
    }

    /// Finds one upload; `None` when the id is unknown.
    pub async fn upload(&self, upload: UploadId) -> Result<Option<Upload>, Error> {
        let found = Entity::find_by_id(upload.0).one(&self.db).await.map_err(Error::from_db)?;
        Ok(found.map(Upload::from))
    }

    /// Records that bytes still arrive, so that the upload is not considered abandoned.
    pub async fn touch_upload(&self, upload: UploadId) -> Result<(), Error> {
        let update = Entity::update_many()
            .col_expr(Column::UpdatedAt, Expr::value(now()))
            .filter(Column::Id.eq(upload.0));
        update.exec(&self.db).await.map(drop).map_err(Error::from_db)
    }

    /// Records that all of an upload is in the store. False when it was gone or finished before.
    pub async fn finish_upload(&self, upload: UploadId) -> Result<bool, Error> {
        let update = Entity::update_many()
            .col_expr(Column::Status, Expr::value(UploadStatus::Finished.to_value()))
            .col_expr(Column::UpdatedAt, Expr::value(now()))
            .filter(Column::Id.eq(upload.0))
            .filter(Column::Status.eq(UploadStatus::Open));
        Ok(update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected > 0)
    }

    /// Forgets an upload. Run twice it changes nothing.
    pub async fn forget_upload(&self, upload: UploadId) -> Result<(), Error> {
        let deleted = Entity::delete_by_id(upload.0).exec(&self.db).await;
        deleted.map(drop).map_err(Error::from_db)
    }

    /// The open uploads after `after`, oldest first, at most [`UPLOADS_MAX`].
    pub async fn open_uploads(&self, after: Option<UploadId>) -> Result<Vec<Upload>, Error> {
        let mut query = Entity::find().filter(Column::Status.eq(UploadStatus::Open));
        if let Some(after) = after {
            query = query.filter(Column::Id.gt(after.0));
        }
        self.uploads_of(query).await
    }

    /// Bytes that open uploads which arrive in this way have together, as declared: those of everybody,
    /// or of one tenant.
    pub async fn declared_bytes(
        &self,
        way: Option<UploadWay>,
        tenant: Option<&str>,
    ) -> Result<u64, Error> {
        // PostgreSQL sums numbers of 64 bits as a decimal.
        let sum = Column::Bytes.sum().cast_as("bigint");
        let mut query = Entity::find().select_only().column_as(sum, "bytes");
        query = query.filter(Column::Status.eq(UploadStatus::Open));
        query = query.apply_if(way, |query, way| query.filter(Column::Way.eq(way)));
        query = query.apply_if(tenant, |query, it| query.filter(Column::Tenant.eq(it)));
        let sum = query.into_tuple::<Option<i64>>().one(&self.db).await.map_err(Error::from_db)?;
        Ok(sum.flatten().unwrap_or(0).unsigned_abs())
    }

    /// Uploads nobody has touched since `before` and that no video will come for: open ones, and
    /// finished ones without a video. At most [`UPLOADS_MAX`].
    pub async fn abandoned_uploads(&self, before: OffsetDateTime) -> Result<Vec<Upload>, Error> {
        let used = row::Entity::find()
            .select_only()
            .column(row::Column::Upload)
            .filter(row::Column::Upload.is_not_null())
            .into_query();
        let useless = Condition::any()
            .add(Column::Status.eq(UploadStatus::Open))
            .add(Column::Id.not_in_subquery(used));
        let query =
            Entity::find().filter(earlier(&self.db, Column::UpdatedAt, before)).filter(useless);
        self.uploads_of(query).await
    }

    async fn uploads_of(&self, query: Select<Entity>) -> Result<Vec<Upload>, Error> {
        let query = query.order_by_asc(Column::Id).limit(UPLOADS_MAX);
        let read = |row| Ok(Upload::from(row));
        Ok(read::rows(&self.db, "uploads", query, UPLOADS_MAX, read).await?.read)
    }

    /// The video that is made from an upload.
    pub async fn video_of(&self, upload: UploadId) -> Result<Option<Video>, Error> {
        let found = row::Entity::find().filter(row::Column::Upload.eq(upload.0)).one(&self.db);
        let found = found.await.map_err(Error::from_db)?;
        found.map(|row| row.into_video(&self.vault)).transpose()
    }

    /// Moves a video whose upload is complete from `uploading` to `uploaded`. False when it was not
    /// `uploading`; run twice it changes nothing.
    pub async fn release(&self, video: VideoId) -> Result<bool, Error> {
        let update = row::Entity::update_many()
            .col_expr(row::Column::Status, Expr::value(Status::Uploaded.as_str()))
            .col_expr(row::Column::UpdatedAt, Expr::value(now()))
            .filter(row::Column::Id.eq(video.0))
            .filter(row::Column::Status.eq(Status::Uploading.as_str()));
        Ok(update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected > 0)
    }
}

/// Forgets the upload that a video is made from, if there is one.
pub(crate) async fn forget_of(tx: &DatabaseTransaction, video: VideoId) -> Result<(), Error> {
    let of_video = row::Entity::find_by_id(video.0)
        .select_only()
        .column(row::Column::Upload)
        .filter(row::Column::Upload.is_not_null())
        .into_query();
    let upload = Entity::delete_many().filter(Column::Id.in_subquery(of_video));
    upload.exec(tx).await.map(drop).map_err(Error::from_db)
}
