//! Messages to webhooks: written in the transaction that ends an attempt, so that none is lost, and
//! kept until they are delivered and for some time after.
//!
//! A message contains a copy of its video and of its webhook: a replay sends the same, even when
//! the video is gone.

use contract::{DeliveryId, DeliveryStatus, Event, Status, VideoId, delivery::Input};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, ExprTrait, IntoActiveModel, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};
use time::OffsetDateTime;

use crate::{
    Catalog, Error, Private, Vault, VaultError, Video, Webhook,
    connect::tx,
    row,
    row::corrupt,
    times::{earliest_first, now},
};

/// A message to a webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id, over all attempts and replays.
    pub id: DeliveryId,
    /// The attempt at a video that it is about; the video may be gone.
    pub video: VideoId,
    /// 1 for the first attempt at the video.
    pub attempt: u32,
    /// The tenant that owns the video.
    pub tenant: String,
    /// The event it reports.
    pub event: Event,
    /// Its status.
    pub status: DeliveryStatus,
    /// 1, and one more with each replay.
    pub round: u32,
    /// When this round began.
    pub round_at: OffsetDateTime,
    /// The receiver.
    pub webhook: Webhook,
    /// The video as it ended, without its secrets.
    pub content: Video,
    /// When the attempt ended.
    pub created_at: OffsetDateTime,
    /// When the row last changed.
    pub updated_at: OffsetDateTime,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub video: Uuid,
    pub attempt: i64,
    pub tenant: String,
    pub event: String,
    pub status: String,
    pub round: i64,
    pub round_at: OffsetDateTime,
    pub webhook: String,
    pub content: String,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Fails when what is sealed in the row of a message cannot be opened.
pub(crate) fn check_seal(id: Uuid, sealed: &str, vault: &Vault) -> Result<(), VaultError> {
    vault.open(&place(DeliveryId(id)), sealed).map(drop)
}

impl Model {
    /// The message of a row.
    pub(crate) fn into_delivery(self, vault: &Vault) -> Result<Delivery, Error> {
        let (video, row) = (VideoId(self.video), self);
        let webhook = vault.open(&place(DeliveryId(row.id)), &row.webhook)?;
        let content: row::Model =
            serde_json::from_str(&row.content).map_err(corrupt(video, "delivery.content"))?;
        Ok(Delivery {
            id: DeliveryId(row.id),
            video,
            attempt: row.attempt.try_into().map_err(corrupt(video, "delivery.attempt"))?,
            tenant: row.tenant,
            event: row.event.parse().map_err(corrupt(video, "delivery.event"))?,
            status: row.status.parse().map_err(corrupt(video, "delivery.status"))?,
            round: row.round.try_into().map_err(corrupt(video, "delivery.round"))?,
            round_at: row.round_at,
            webhook: serde_json::from_slice(&webhook)
                .map_err(corrupt(video, "delivery.webhook"))?,
            content: content.into_video(vault)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Writes down the message that is due as a video comes to stand at `to`, if anybody is to be told.
/// Part of the transaction that moves the video.
pub(crate) async fn enqueue(
    tx: &impl ConnectionTrait,
    vault: &Vault,
    video: VideoId,
    to: Status,
) -> Result<Option<DeliveryId>, Error> {
    let Some(event) = Event::of(to) else { return Ok(None) };
    let found = row::Entity::find_by_id(video.0).one(tx).await.map_err(Error::from_db)?;
    let Some(row) = found else { return Ok(None) };
    let mut ended = row.into_video(vault)?;
    let Private { webhook, .. } = std::mem::take(&mut ended.private);
    let Some(webhook) = webhook.filter(|webhook| webhook.events.contains(&event)) else {
        return Ok(None);
    };
    let (id, now) = (DeliveryId(Uuid::now_v7()), now());
    let told = row::to_json("webhook", &webhook)?;
    let row = Model {
        id: id.0,
        video: video.0,
        attempt: ended.attempt.into(),
        tenant: ended.tenant.clone(),
        event: event.as_str().to_owned(),
        status: DeliveryStatus::Pending.as_str().to_owned(),
        round: 1,
        round_at: now,
        webhook: vault.seal(&place(id), told.as_bytes())?,
        content: row::to_json("content", &row::Model::of(&ended, vault)?)?,
        created_at: now,
        updated_at: now,
    };
    let once = OnConflict::columns([Column::Video, Column::Attempt, Column::Event]);
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(once.clone().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await
        .map_err(Error::from_db)?;
    due(tx, video, ended.attempt, to).await
}

/// The message that was recorded when an attempt ended.
pub(crate) async fn due(
    db: &impl ConnectionTrait,
    video: VideoId,
    attempt: u32,
    to: Status,
) -> Result<Option<DeliveryId>, Error> {
    let Some(event) = Event::of(to) else { return Ok(None) };
    let id = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Video.eq(video.0))
        .filter(Column::Attempt.eq(i64::from(attempt)))
        .filter(Column::Event.eq(event.as_str()));
    let id = id.into_tuple::<Uuid>().one(db).await.map_err(Error::from_db)?;
    Ok(id.map(DeliveryId))
}

impl Catalog {
    /// Finds one message; `None` when the id is unknown, or when it was long ago.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, Error> {
        let found = Entity::find_by_id(id.0).one(&self.db).await.map_err(Error::from_db)?;
        found.map(|row| row.into_delivery(&self.vault)).transpose()
    }

    /// Begins a new round for a message, whatever became of the last one, and answers it; `None`
    /// when the id is unknown. Run twice, two rounds begin, and the first ends without effect.
    pub async fn replay(&self, id: DeliveryId) -> Result<Option<Input>, Error> {
        let tx = tx(&self.db).await?;
        let now = now();
        let again = ActiveModel {
            status: Set(DeliveryStatus::Pending.as_str().to_owned()),
            round_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let update = Entity::update_many()
            .set(again)
            .col_expr(Column::Round, Expr::col(Column::Round).add(1))
            .filter(Column::Id.eq(id.0));
        update.exec(&tx).await.map_err(Error::from_db)?;
        let row = Entity::find_by_id(id.0).one(&tx).await.map_err(Error::from_db)?;
        tx.commit().await.map_err(Error::from_db)?;
        let Some(row) = row else { return Ok(None) };
        let round = row.round.try_into();
        let round = round.map_err(corrupt(VideoId(row.video), "delivery.round"))?;
        Ok(Some(Input { delivery: id, round, mac: None }))
    }

    /// When the round of the message that has waited longest began; `None` when none waits.
    pub async fn oldest_pending_delivery(&self) -> Result<Option<OffsetDateTime>, Error> {
        let oldest = Entity::find()
            .select_only()
            .column(Column::RoundAt)
            .filter(Column::Status.eq(DeliveryStatus::Pending.as_str()));
        let oldest = earliest_first(oldest, &self.db, Column::RoundAt).limit(1);
        oldest.into_tuple::<OffsetDateTime>().one(&self.db).await.map_err(Error::from_db)
    }
}

/// The place for which the copy of a webhook is sealed.
fn place(id: DeliveryId) -> String {
    format!("delivery {id}")
}
