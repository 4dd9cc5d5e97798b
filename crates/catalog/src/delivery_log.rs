//! The log of messages to webhooks: every time one was sent, and lists of them.

use std::time::Duration;

use contract::{DeliveryId, DeliveryStatus, VideoId, delivery::Input};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, QueryTrait, entity::prelude::*};
use time::OffsetDateTime;

use crate::{
    Catalog, Cursor, Delivery, Error, PAGE_MAX, Unreadable,
    connect::tx,
    deliveries, read,
    row::corrupt,
    times::{earlier, now},
};

/// One attempt to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// When.
    pub at: OffsetDateTime,
    /// How long it took.
    pub took: Duration,
    /// The receiver's HTTP status, if there was one.
    pub http_status: Option<u16>,
    /// Why the message was not accepted.
    pub error: Option<String>,
}

/// A [`Sending`] in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Counts all times this message was sent, from 1.
    pub number: u32,
    /// The round it belongs to.
    pub round: u32,
    /// What happened.
    pub sending: Sending,
}

/// Which messages are listed; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only those of this tenant.
    pub tenant: Option<String>,
    /// Only those about this video.
    pub video: Option<VideoId>,
    /// Only those with this status.
    pub status: Option<DeliveryStatus>,
    /// Only those that have not changed since.
    pub unchanged_since: Option<OffsetDateTime>,
}

/// A part of a list of messages.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryPage {
    /// The messages, newest first.
    pub deliveries: Vec<Delivery>,
    /// Rows between them that cannot be read, newest first.
    pub unreadable: Vec<Unreadable>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_attempts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub round: i64,
    pub at: OffsetDateTime,
    pub took_ms: i64,
    pub http_status: Option<i64>,
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Catalog {
    /// Writes down that a message was sent, and where it stands now. A round that is over, because
    /// another has begun, changes the message no more. Run twice, it is in the log twice.
    pub async fn log_sending(
        &self,
        of: Input,
        sending: &Sending,
        status: DeliveryStatus,
    ) -> Result<(), Error> {
        let tx = tx(&self.db).await?;
        // The row is changed first: on PostgreSQL that makes others who log the same message wait.
        let current = deliveries::Entity::update_many()
            .set(deliveries::ActiveModel { updated_at: Set(now()), ..Default::default() })
            .filter(deliveries::Column::Id.eq(of.delivery.0));
        if current.exec(&tx).await.map_err(Error::from_db)?.rows_affected == 0 {
            return tx.rollback().await.map_err(Error::from_db);
        }
        let of_message = || Entity::find().filter(Column::Delivery.eq(of.delivery.0));
        let number = of_message().count(&tx).await.map_err(Error::from_db)?;
        let number = i64::try_from(number + 1).unwrap_or(i64::MAX);
        Entity::insert(active(of, number, sending))
            .exec_without_returning(&tx)
            .await
            .map_err(Error::from_db)?;
        let status = Set(status.as_str().to_owned());
        deliveries::Entity::update_many()
            .set(deliveries::ActiveModel { status, ..Default::default() })
            .filter(deliveries::Column::Id.eq(of.delivery.0))
            .filter(deliveries::Column::Round.eq(i64::from(of.round)))
            .exec(&tx)
            .await
            .map_err(Error::from_db)?;
        tx.commit().await.map_err(Error::from_db)
    }

    /// Every time a message was sent, oldest first.
    pub async fn sendings(&self, of: &Delivery) -> Result<Vec<Sent>, Error> {
        let rows = Entity::find()
            .filter(Column::Delivery.eq(of.id.0))
            .order_by_asc(Column::Number)
            .all(&self.db)
            .await
            .map_err(Error::from_db)?;
        rows.into_iter().map(|row| row.into_sent(of.video)).collect()
    }

    /// Lists at most `limit` messages (1 to [`PAGE_MAX`]) that come after `after`.
    pub async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<DeliveryPage, Error> {
        use deliveries::Column;

        let limit = limit.clamp(1, PAGE_MAX);
        let query = deliveries::Entity::find()
            .apply_if(filter.tenant, |query, it| query.filter(Column::Tenant.eq(it)))
            .apply_if(filter.video, |query, it| query.filter(Column::Video.eq(it.0)))
            .apply_if(filter.status, |query, it| query.filter(Column::Status.eq(it.as_str())))
            .apply_if(filter.unchanged_since, |query, it| {
                query.filter(earlier(&self.db, Column::UpdatedAt, it))
            })
            .apply_if(after, |query, last| query.filter(Column::Id.lt(last.0)))
            .order_by_desc(Column::Id)
            .limit(u64::from(limit) + 1);
        let read = |row: deliveries::Model| row.into_delivery(&self.vault);
        let rows = read::rows(&self.db, "deliveries", query, limit.into(), read).await?;
        let next = if rows.found > limit as usize { rows.last.map(Cursor) } else { None };
        Ok(DeliveryPage { deliveries: rows.read, unreadable: rows.unreadable, next })
    }

    /// Messages that wait and have not changed since `unchanged_since`, by id, after `after`; at most
    /// [`PAGE_MAX`]. What they say is not read: one that cannot be is for its sender to give up.
    pub async fn pending_deliveries(
        &self,
        unchanged_since: OffsetDateTime,
        after: Option<DeliveryId>,
    ) -> Result<Vec<Input>, Error> {
        use deliveries::Column;

        let query = deliveries::Entity::find()
            .select_only()
            .columns([Column::Id, Column::Round])
            .filter(Column::Status.eq(DeliveryStatus::Pending.as_str()))
            .filter(earlier(&self.db, Column::UpdatedAt, unchanged_since))
            .apply_if(after, |query, last| query.filter(Column::Id.gt(last.0)))
            .order_by_asc(Column::Id)
            .limit(u64::from(PAGE_MAX));
        let rows = query.into_tuple::<(Uuid, i64)>().all(&self.db).await.map_err(Error::from_db)?;
        // A round that is out of range is that of no workflow; the first one gives the message up.
        let waiting = |(id, round): (Uuid, i64)| Input {
            delivery: DeliveryId(id),
            round: round.try_into().unwrap_or(1),
            mac: None,
        };
        Ok(rows.into_iter().map(waiting).collect())
    }

    /// Forgets messages that wait for nothing and have not changed since `before`; answers how many.
    pub async fn forget_deliveries(&self, before: OffsetDateTime) -> Result<u64, Error> {
        use deliveries::Column as Of;

        let tx = tx(&self.db).await?;
        let old = deliveries::Entity::find()
            .select_only()
            .column(Of::Id)
            .filter(earlier(&tx, Of::UpdatedAt, before))
            .filter(Of::Status.ne(DeliveryStatus::Pending.as_str()));
        let old: Vec<Uuid> =
            old.limit(u64::from(PAGE_MAX)).into_tuple().all(&tx).await.map_err(Error::from_db)?;
        let log = Entity::delete_many().filter(Column::Delivery.is_in(old.iter().copied()));
        log.exec(&tx).await.map_err(Error::from_db)?;
        let gone = deliveries::Entity::delete_many().filter(Of::Id.is_in(old));
        let gone = gone.exec(&tx).await.map_err(Error::from_db)?.rows_affected;
        tx.commit().await.map_err(Error::from_db)?;
        Ok(gone)
    }
}

impl Model {
    fn into_sent(self, video: VideoId) -> Result<Sent, Error> {
        let http_status = self.http_status.map(u16::try_from).transpose();
        let sending = Sending {
            at: self.at,
            took: Duration::from_millis(
                self.took_ms.try_into().map_err(corrupt(video, "sending.took_ms"))?,
            ),
            http_status: http_status.map_err(corrupt(video, "sending.http_status"))?,
            error: self.error,
        };
        Ok(Sent {
            number: self.number.try_into().map_err(corrupt(video, "sending.number"))?,
            round: self.round.try_into().map_err(corrupt(video, "sending.round"))?,
            sending,
        })
    }
}

fn active(of: Input, number: i64, sending: &Sending) -> ActiveModel {
    let Input { delivery: DeliveryId(delivery), round, .. } = of;
    ActiveModel {
        delivery: Set(delivery),
        number: Set(number),
        round: Set(round.into()),
        at: Set(sending.at),
        took_ms: Set(i64::try_from(sending.took.as_millis()).unwrap_or(i64::MAX)),
        http_status: Set(sending.http_status.map(i64::from)),
        error: Set(sending.error.clone()),
    }
}
