//! The moves of a video from status to status, each one conditional UPDATE.

use contract::{
    Status, VideoId,
    completion::{Input, Outcome},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    Catalog, Error,
    row::{ActiveModel, Column, Entity, to_json},
    video::now,
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
        /// Where the video stands.
        status: Status,
        /// Its current attempt.
        attempt: u32,
    },
}

impl Catalog {
    /// Marks attempt `attempt` as being transcoded. Run twice it changes nothing.
    pub async fn begin(&self, video: VideoId, attempt: u32) -> Result<Moved, Error> {
        self.advance(video, attempt, Status::Transcoding, ActiveModel::default()).await
    }

    /// Writes how an attempt ended. Run twice it changes nothing: the first end of an attempt stays.
    pub async fn finish(&self, end: &Input) -> Result<Moved, Error> {
        let (status, values) = end_of(&end.outcome)?;
        self.advance(end.video, end.attempt, status, values).await
    }

    /// Moves the video to `to` and writes `values` with it, if it may move there.
    async fn advance(
        &self,
        video: VideoId,
        attempt: u32,
        to: Status,
        values: ActiveModel,
    ) -> Result<Moved, Error> {
        let row =
            ActiveModel { status: Set(to.as_str().to_owned()), updated_at: Set(now()), ..values };
        let from = to.predecessors().iter().map(|status| status.as_str());
        let update = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(video.0))
            .filter(Column::Attempt.eq(i64::from(attempt)))
            .filter(Column::Status.is_in(from));
        if update.exec(&self.db).await.map_err(Error::from_db)?.rows_affected > 0 {
            return Ok(Moved::Moved);
        }
        let found = self.require(video).await?;
        if found.status == to && found.attempt == attempt {
            return Ok(Moved::Already);
        }
        Ok(Moved::Refused { status: found.status, attempt: found.attempt })
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
