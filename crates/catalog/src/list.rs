//! Lists of videos, page by page, newest first.
//!
//! Pages are cut by id, not by number of rows: ids sort by creation, so videos that are added
//! while somebody turns pages neither repeat nor hide any.

use std::{fmt, str::FromStr};

use contract::Status;
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Catalog, Error, Unreadable, Video,
    read::{self, Rows},
    row::{Column, Entity, Model},
    times::{earlier, later},
};

/// Most videos on one page.
pub const PAGE_MAX: u32 = 1000;

/// Says how the rest of the text is meant, so that another order can come later.
const BY_ID: &str = "i";

/// Which videos are listed; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those of this tenant.
    pub tenant: Option<String>,
    /// Only those added later than this.
    pub created_after: Option<OffsetDateTime>,
    /// Only those added earlier than this.
    pub created_before: Option<OffsetDateTime>,
    /// Only those that have not changed since.
    pub unchanged_since: Option<OffsetDateTime>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The videos, newest first.
    pub videos: Vec<Video>,
    /// Rows between them that cannot be read, newest first.
    pub unreadable: Vec<Unreadable>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

/// A part of a list, by its number.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedPage {
    /// The videos, newest first.
    pub videos: Vec<Video>,
    /// Rows between them that cannot be read, newest first.
    pub unreadable: Vec<Unreadable>,
    /// All that the filter lets pass.
    pub total: u64,
}

/// A place in a list. Its text is opaque; it stays valid while videos come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) Uuid);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BY_ID}{}", self.0.simple())
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let id = text.strip_prefix(BY_ID).and_then(|id| Uuid::try_parse(id).ok());
        let cursor = id.map(Self).filter(|cursor| cursor.to_string() == text);
        cursor.ok_or_else(|| Error::BadCursor { text: text.to_owned() })
    }
}

impl Catalog {
    /// Lists at most `limit` videos (1 to [`PAGE_MAX`]; a limit outside is moved inside) that come
    /// after `after`.
    pub async fn list(
        &self,
        filter: Filter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page, Error> {
        let limit = limit.clamp(1, PAGE_MAX);
        let mut query =
            filter.query(&self.db).order_by_desc(Column::Id).limit(u64::from(limit) + 1);
        if let Some(Cursor(last)) = after {
            query = query.filter(Column::Id.lt(last));
        }
        let rows = self.videos_of(query, limit.into()).await?;
        let next = if rows.found > limit as usize { rows.last.map(Cursor) } else { None };
        Ok(Page { videos: rows.read, unreadable: rows.unreadable, next })
    }

    /// Lists page `page`, from 1, of `size` videos each. Pages are cut by number of rows: while videos
    /// are added, one may be seen on two pages.
    pub async fn numbered_page(
        &self,
        filter: Filter,
        page: u64,
        size: u64,
    ) -> Result<NumberedPage, Error> {
        let size = size.clamp(1, PAGE_MAX.into());
        let total = filter.query(&self.db).count(&self.db).await.map_err(Error::from_db)?;
        let query = filter.query(&self.db).order_by_desc(Column::Id);
        let query = query.limit(size).offset(page.saturating_sub(1).saturating_mul(size));
        let rows = self.videos_of(query, size).await?;
        Ok(NumberedPage { videos: rows.read, unreadable: rows.unreadable, total })
    }

    async fn videos_of(&self, query: Select<Entity>, limit: u64) -> Result<Rows<Video>, Error> {
        let read = |row: Model| row.into_video(&self.vault);
        read::rows(&self.db, "videos", query, limit, read).await
    }
}

impl Filter {
    fn query(&self, db: &DatabaseConnection) -> Select<Entity> {
        let mut query = Entity::find();
        if let Some(status) = self.status {
            query = query.filter(Column::Status.eq(status.as_str()));
        }
        if let Some(tenant) = &self.tenant {
            query = query.filter(Column::Tenant.eq(tenant));
        }
        if let Some(time) = self.created_after {
            query = query.filter(later(db, Column::CreatedAt, time));
        }
        if let Some(time) = self.created_before {
            query = query.filter(earlier(db, Column::CreatedAt, time));
        }
        if let Some(time) = self.unchanged_since {
            query = query.filter(earlier(db, Column::UpdatedAt, time));
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_text() {
        let cursor = Cursor(Uuid::from_u128(0x0192_f000_7000_8000_0000_0000_0000_0001));
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let id = Uuid::from_u128(7);
        let upper = format!("i{}", id.simple()).replace('7', "A");
        for text in ["", "i", "7", &id.to_string(), &format!("i{id}"), &upper, "i'; DROP TABLE x"] {
            let refused = text.parse::<Cursor>();
            assert!(matches!(&refused, Err(Error::BadCursor { text: t }) if t == text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_cursors_are_the_ones_that_were_given_out(
            text in "[a-z]?[0-9a-fA-F-]{0,40}|.{0,20}", id in proptest::prelude::any::<u128>(),
        ) {
            if let Ok(cursor) = text.parse::<Cursor>() {
                proptest::prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
            }
            let given = Cursor(Uuid::from_u128(id));
            proptest::prop_assert_eq!(given.to_string().parse::<Cursor>().unwrap(), given);
        }
    }
}
