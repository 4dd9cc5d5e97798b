//! The moves of a video from status to status, each one conditional UPDATE and what goes with
//! it, in one transaction.

use contract::{
    DeliveryId, Status, VideoId,
    completion::{Input, Outcome},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr,
};

use crate::{
    Catalog, Error,
    connect::tx,
    deliveries, jobs, keys,
    row::{ActiveModel, Column, Entity, to_json},
    times::now,
    uploads,
};

/// The answer to a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// This call moved the video.
    Moved,
    /// The attempt already stands there; nothing changed.
    Already,
    /// The life of a video does not allow it, or the attempt is not the current one; nothing
    /// changed.
    Refused {
        /// The status of the video.
        status: Status,
        /// Its current attempt.
        attempt: u32,
    },
}

/// The answer to writing how an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What became of the move.
    pub moved: Moved,
    /// The message to a webhook that is due now; the caller has it sent.
    pub delivery: Option<DeliveryId>,
}

impl Catalog {
    /// Marks attempt `attempt` as being transcoded. Run twice it changes nothing.
    pub async fn begin(&self, video: VideoId, attempt: u32) -> Result<Moved, Error> {
        let begun = self.advance(video, attempt, Status::Transcoding, ActiveModel::default());
        Ok(begun.await?.moved)
    }

    /// Writes how an attempt ended, and the message to its webhook with it. Run twice it changes
    /// nothing: the first end of an attempt stays.
    pub async fn finish(&self, end: &Input) -> Result<Finished, Error> {
        let (status, values) = end_of(&end.outcome)?;
        self.advance(end.video, end.attempt, status, values).await
    }

    /// Takes a failed or cancelled video back to `uploaded` as its next attempt, at most
    /// `attempts_max` in all, if nothing of it is being removed and its key may have another
    /// unfinished video. Run twice, the second run is refused: the video has not ended again.
    pub async fn retry(&self, video: VideoId, attempts_max: u32) -> Result<Moved, Error> {
        let row = ActiveModel {
            status: Set(Status::Uploaded.as_str().to_owned()),
            error: Set(None),
            warnings: Set("[]".to_owned()),
            updated_at: Set(now()),
            ..ActiveModel::default()
        };
        let again = [Status::Failed, Status::Cancelled];
        let update = Entity::update_many()
            .set(row)
            .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
            .filter(Column::Id.eq(video.0))
            .filter(Column::Status.is_in(again.map(Status::as_str)))
            .filter(Column::Removal.is_null())
            .filter(Column::Attempt.lt(i64::from(attempts_max)));
        let tx = tx(&self.db).await?;
        if update.exec(&tx).await.map_err(Error::from_db)?.rows_affected > 0 {
            let row = Entity::find_by_id(video.0).one(&tx).await.map_err(Error::from_db)?;
            let again = row.ok_or(Error::NotFound { video })?.into_video(&self.vault)?;
            crate::added(&tx, &again).await?;
            tx.commit().await.map_err(Error::from_db)?;
            return Ok(Moved::Moved);
        }
        tx.rollback().await.map_err(Error::from_db)?;
        let found = self.require(video).await?;
        Ok(Moved::Refused { status: found.status, attempt: found.attempt })
    }

    /// Forgets a video, its upload and the keys of the requests that made it. Run twice it changes nothing.
    pub async fn delete(&self, video: VideoId) -> Result<(), Error> {
        let tx = tx(&self.db).await?;
        let keys = keys::Entity::delete_many().filter(keys::Column::Video.eq(video.0));
        keys.exec(&tx).await.map_err(Error::from_db)?;
        jobs::delete(&tx, video).await?;
        uploads::forget_of(&tx, video).await?;
        Entity::delete_by_id(video.0).exec(&tx).await.map_err(Error::from_db)?;
        tx.commit().await.map_err(Error::from_db)
    }

    /// Moves the video to `to` and writes `values` with it, if it may move there; all that goes with
    /// a move is written in its transaction.
    async fn advance(
        &self,
        video: VideoId,
        attempt: u32,
        to: Status,
        values: ActiveModel,
    ) -> Result<Finished, Error> {
        let error = values.error.clone();
        let row =
            ActiveModel { status: Set(to.as_str().to_owned()), updated_at: Set(now()), ..values };
        let from = to.predecessors().iter().map(|status| status.as_str());
        let update = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(video.0))
            .filter(Column::Attempt.eq(i64::from(attempt)))
            .filter(Column::Status.is_in(from));
        let tx = tx(&self.db).await?;
        if update.exec(&tx).await.map_err(Error::from_db)?.rows_affected > 0 {
            jobs::moved(&tx, video, attempt, to, error).await?;
            let delivery = deliveries::enqueue(&tx, &self.vault, video, to).await?;
            tx.commit().await.map_err(Error::from_db)?;
            return Ok(Finished { moved: Moved::Moved, delivery });
        }
        tx.rollback().await.map_err(Error::from_db)?;
        let found = self.require(video).await?;
        if found.status == to && found.attempt == attempt {
            let delivery = deliveries::due(&self.db, video, attempt, to).await?;
            return Ok(Finished { moved: Moved::Already, delivery });
        }
        let moved = Moved::Refused { status: found.status, attempt: found.attempt };
        Ok(Finished { moved, delivery: None })
    }
}

fn end_of(outcome: &Outcome) -> Result<(Status, ActiveModel), Error> {
    Ok(match outcome {
        Outcome::Ready(made) => {
            let values = ActiveModel {
                summary: Set(Some(to_json("summary", &made.source)?)),
                outputs: Set(Some(to_json("outputs", &made.outputs)?)),
                warnings: Set(to_json("warnings", &made.warnings)?),
                ..ActiveModel::default()
            };
            (Status::Ready, values)
        }
        Outcome::Failed { failure, warnings } => {
            let values = ActiveModel {
                error: Set(Some(to_json("error", failure)?)),
                warnings: Set(to_json("warnings", warnings)?),
                ..ActiveModel::default()
            };
            (Status::Failed, values)
        }
        Outcome::Cancelled => (Status::Cancelled, ActiveModel::default()),
    })
}
