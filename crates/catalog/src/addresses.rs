//! Addresses of sources that earlier versions wrote in the clear: sealed when a process starts, as they
//! are today when a video is added.

use contract::{Source, VideoId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::{
    Catalog, Error, Vault, deliveries,
    row::{ActiveModel, Column, Entity, Model, to_json},
};

/// Rows that are read at a time.
const PAGE: u64 = 200;
/// What stands in front of what may be secret in an address: a query, a fragment, a user and a password.
const SIGNS: [char; 3] = ['?', '#', '@'];

impl Catalog {
    /// Seals what may be secret in the addresses of sources that an earlier version wrote in the clear,
    /// in videos and in messages about them; gives how many there were. A row that somebody else changes
    /// meanwhile, or that cannot be read, is left. Run twice, also at once, it changes nothing more.
    pub async fn seal_addresses(&self) -> Result<u64, Error> {
        Ok(self.seal_videos().await? + self.seal_messages().await?)
    }

    async fn seal_videos(&self) -> Result<u64, Error> {
        let (mut sealed, mut after) = (0, Uuid::nil());
        loop {
            let rows = Entity::find()
                .filter(clear(&Column::Source))
                .filter(Column::Id.gt(after))
                .order_by_asc(Column::Id)
                .limit(PAGE)
                .all(&self.db)
                .await
                .map_err(Error::from_db)?;
            let Some(last) = rows.last() else { return Ok(sealed) };
            after = last.id;
            for row in rows {
                let Some(new) = resealed(&row, &self.vault)? else { continue };
                let same = match &row.private {
                    Some(private) => Column::Private.eq(private.as_str()),
                    None => Column::Private.is_null(),
                };
                let values = ActiveModel {
                    source: Set(new.source),
                    private: Set(new.private),
                    ..Default::default()
                };
                let update = Entity::update_many()
                    .set(values)
                    .filter(Column::Id.eq(row.id))
                    .filter(Column::Source.eq(row.source))
                    .filter(same);
                sealed += update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected;
            }
        }
    }

    async fn seal_messages(&self) -> Result<u64, Error> {
        use deliveries::{ActiveModel, Column, Entity};
        let (mut sealed, mut after) = (0, Uuid::nil());
        loop {
            let rows = Entity::find()
                .filter(clear(&Column::Content))
                .filter(Column::Id.gt(after))
                .order_by_asc(Column::Id)
                .limit(PAGE)
                .all(&self.db)
                .await
                .map_err(Error::from_db)?;
            let Some(last) = rows.last() else { return Ok(sealed) };
            after = last.id;
            for row in rows {
                let Ok(copy) = serde_json::from_str::<Model>(&row.content) else { continue };
                let Some(new) = resealed(&copy, &self.vault)? else { continue };
                let values =
                    ActiveModel { content: Set(to_json("content", &new)?), ..Default::default() };
                let update = Entity::update_many()
                    .set(values)
                    .filter(Column::Id.eq(row.id))
                    .filter(Column::Content.eq(row.content));
                sealed += update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected;
            }
        }
    }
}

/// Rows that may hold such an address; a path with an `@` is one too.
fn clear(column: &impl ColumnTrait) -> Condition {
    SIGNS.iter().fold(Condition::any(), |any, sign| any.add(column.contains(sign.to_string())))
}

/// The row as it is written today; `None` where it is so already, or cannot be read.
fn resealed(row: &Model, vault: &Vault) -> Result<Option<Model>, Error> {
    let Ok(shown) = serde_json::from_str::<Source>(&row.source) else { return Ok(None) };
    if shown == shown.redacted() {
        return Ok(None);
    }
    match row.clone().into_video(vault) {
        Ok(video) => Model::of(&video, vault).map(Some),
        Err(error) => {
            tracing::warn!(video = %VideoId(row.id), %error, "its address stays in the clear");
            Ok(None)
        }
    }
}
