//! How many videos have which status.

use std::collections::HashMap;

use contract::Status;
use sea_orm::{ColumnTrait, EntityTrait, QuerySelect};

use crate::{
    Catalog, Error,
    row::{Column, Entity},
};

impl Catalog {
    /// Counts the videos by status, including statuses without videos.
    pub async fn count_by_status(&self) -> Result<[(Status, u64); Status::ALL.len()], Error> {
        let query = Entity::find()
            .select_only()
            .column(Column::Status)
            .column_as(Column::Id.count(), "videos")
            .group_by(Column::Status)
            .into_tuple::<(String, i64)>();
        let rows = query.all(&self.db).await.map_err(Error::from_db)?;
        let found: HashMap<String, i64> = rows.into_iter().collect();
        Ok(Status::ALL.map(|status| {
            let videos = found.get(status.as_str()).copied().unwrap_or_default();
            (status, u64::try_from(videos).unwrap_or_default())
        }))
    }
}
