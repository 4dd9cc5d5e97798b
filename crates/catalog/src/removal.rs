//! What is removed of a video, and what decides it.
//!
//! ```text
//!   nothing ──expire──▶ files ──files_removed──▶ expired
//!      │                  │                         │
//!      └───────────────── ask_removal ──────────────┘──▶ video ──delete──▶ no row
//! ```
//!
//! Each arrow is one conditional UPDATE, and [`Catalog::retry`] moves only a video of which nothing
//! is being removed: of a retry and a removal that race, exactly one wins. What carries a removal
//! out finds the mark on the row, so a crash between the two loses nothing.

use std::{fmt, str::FromStr};

use contract::{Status, VideoId};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Condition, Expr},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Catalog, Error,
    connect::tx,
    row::{Column, Entity, corrupt},
    times::earlier,
    uploads,
};

/// Videos whose removal is read at a time.
const PAGE: u64 = 200;
/// Where a video can be that is tried again, and of which files are kept until they expire.
const KEPT_FOR_RETRY: [&str; 2] = ["failed", "cancelled"];
/// Statuses in which nothing more happens to a video by itself.
const FINAL: [&str; 3] = ["ready", "failed", "cancelled"];

/// What is, or was, removed of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Its files are being removed, because they were kept long enough; the row stays.
    Files,
    /// Its files are gone; the row stays.
    Expired,
    /// All of it is being removed, the row too, because somebody asked for that.
    Video,
}

impl Removal {
    const ALL: [Self; 3] = [Self::Files, Self::Expired, Self::Video];

    /// The removal as the catalogue writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Expired => "expired",
            Self::Video => "video",
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a removal.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a removal")]
pub struct UnknownRemoval(String);

impl FromStr for Removal {
    type Err = UnknownRemoval;

    fn from_str(text: &str) -> Result<Self, UnknownRemoval> {
        let found = Self::ALL.into_iter().find(|removal| removal.as_str() == text);
        found.ok_or_else(|| UnknownRemoval(text.to_owned()))
    }
}

/// A video of which something is being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removing {
    /// The video.
    pub id: VideoId,
    /// True when nothing more happens to it by itself, so that its objects can go.
    pub ended: bool,
}

/// Whether a video's objects may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// They may go; the video can neither begin nor be tried again.
    Granted(Removal),
    /// The video has not ended.
    StillRunning(Status),
    /// There is no such video.
    Gone,
}

impl Catalog {
    /// Records that all of a video is to be removed, whatever its status: it is not tried again
    /// from now on. False when the video is unknown; run twice it changes nothing.
    pub async fn ask_removal(&self, video: VideoId) -> Result<bool, Error> {
        let update = Entity::update_many()
            .col_expr(Column::Removal, Expr::value(Removal::Video.as_str()))
            .filter(Column::Id.eq(video.0));
        Ok(update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected > 0)
    }

    /// Marks failed and cancelled videos that ended before `before`, at most `videos_max`, so that
    /// their files are removed; answers how many. Run twice, it marks others.
    pub async fn expire(&self, before: OffsetDateTime, videos_max: u32) -> Result<u64, Error> {
        let old = || {
            Condition::all()
                .add(Column::Status.is_in(KEPT_FOR_RETRY))
                .add(Column::Removal.is_null())
                .add(earlier(&self.db, Column::UpdatedAt, before))
        };
        let some = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(old())
            .order_by_asc(Column::Id)
            .limit(u64::from(videos_max))
            .into_query();
        // The condition once more: PostgreSQL looks again at a row that somebody else has just
        // changed, but not whether the inner query would still find it.
        let update = Entity::update_many()
            .col_expr(Column::Removal, Expr::value(Removal::Files.as_str()))
            .filter(Column::Id.in_subquery(some))
            .filter(old());
        Ok(update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected)
    }

    /// Videos after `after` of which something is being removed, in the order of their ids; a page
    /// that is not full is the last.
    pub async fn removing(&self, after: Option<VideoId>) -> Result<Vec<Removing>, Error> {
        let query = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Status])
            .filter(Column::Removal.is_in([Removal::Files.as_str(), Removal::Video.as_str()]))
            .apply_if(after, |query, last| query.filter(Column::Id.gt(last.0)))
            .order_by_asc(Column::Id)
            .limit(PAGE);
        let rows = query.into_tuple::<(Uuid, String)>().all(&self.db).await;
        let rows = rows.map_err(Error::from_db)?.into_iter();
        let removing = |(id, status): (Uuid, String)| Removing {
            id: VideoId(id),
            ended: FINAL.contains(&status.as_str()),
        };
        Ok(rows.map(removing).collect())
    }

    /// Lets the caller remove a video's objects if the video has ended: in the same UPDATE it is
    /// marked, if it is not yet, so that it cannot be tried again. Run twice it answers the same.
    pub async fn claim_removal(&self, video: VideoId) -> Result<Claim, Error> {
        let mark = Expr::col(Column::Removal).if_null(Removal::Video.as_str());
        let update = Entity::update_many()
            .col_expr(Column::Removal, mark)
            .filter(Column::Id.eq(video.0))
            .filter(Column::Status.is_in(FINAL));
        let claimed = update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected > 0;
        let found = Entity::find_by_id(video.0)
            .select_only()
            .columns([Column::Status, Column::Removal])
            .into_tuple::<(String, Option<String>)>()
            .one(&self.db)
            .await
            .map_err(Error::from_db)?;
        let Some((status, removal)) = found else { return Ok(Claim::Gone) };
        if !claimed {
            return Ok(Claim::StillRunning(status.parse().map_err(corrupt(video, "status"))?));
        }
        let removal = removal.unwrap_or_default().parse().map_err(corrupt(video, "removal"))?;
        Ok(Claim::Granted(removal))
    }

    /// Notes that the files of an expired video are gone, its upload with them. False when more than
    /// the files is to go by now; run twice it changes nothing.
    pub async fn files_removed(&self, video: VideoId) -> Result<bool, Error> {
        let tx = tx(&self.db).await?;
        let update = Entity::update_many()
            .col_expr(Column::Removal, Expr::value(Removal::Expired.as_str()))
            .filter(Column::Id.eq(video.0))
            .filter(Column::Removal.eq(Removal::Files.as_str()));
        let done = update.exec(&tx).await.map_err(Error::from_db)?.rows_affected > 0;
        if done {
            uploads::forget_of(&tx, video).await?;
        }
        tx.commit().await.map_err(Error::from_db)?;
        Ok(done)
    }
}
