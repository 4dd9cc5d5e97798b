//! The catalogue: everything known about every video, in SQLite or PostgreSQL. No other crate uses
//! SQL.
//!
//! It enforces the life of a video: every move from one status to the next is one conditional
//! UPDATE, so of many concurrent writers exactly one wins and running a write twice changes
//! nothing. It does not decide which move is wanted and does not talk to Temporal or the store.

mod addresses;
mod api_keys;
mod connect;
mod counts;
mod deliveries;
mod delivery_log;
mod error;
mod jobs;
mod keys;
mod list;
mod migrations;
mod moves;
mod private;
mod read;
mod removal;
mod row;
mod signing;
mod times;
mod turns;
mod uploads;
mod vault;
mod video;
mod vouching;

use std::sync::Arc;

use contract::VideoId;
use sea_orm::{
    ColumnTrait as _, Database, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter as _, QueryOrder as _, QuerySelect, sea_query::OnConflict,
};
use turns::Turns;
use uuid::Uuid;

pub use api_keys::{ApiKey, ApiKeys, NewApiKey};
pub use connect::sqlite_url;
pub use deliveries::Delivery;
pub use delivery_log::{DeliveryFilter, DeliveryPage, Sending, Sent};
pub use error::Error;
pub use jobs::Job;
pub use keys::{IdempotencyKey, Keyed};
pub use list::{Cursor, Filter, NumberedPage, PAGE_MAX, Page};
pub use moves::{Finished, Moved};
pub use private::{GivenStore, GivenStores, Private, Secret, Webhook, WebhookFormat};
pub use read::Unreadable;
pub use removal::{Claim, Removal, Removing};
pub use signing::SigningSecret;
pub use turns::Turn;
pub use uploads::{NewUpload, UPLOADS_MAX, Upload, UploadStatus, UploadWay};
pub use vault::{Vault, VaultError};
pub use video::{Inserted, NewVideo, Video};

/// Sealed values of a kind that are tried when a process starts.
const SAMPLES: u64 = 8;

/// A handle on the database; clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct Catalog {
    db: DatabaseConnection,
    vault: Arc<Vault>,
    turns: Arc<Turns>,
}

impl Catalog {
    /// Opens the database at `url` and brings its tables up to date.
    ///
    /// `sqlite:///absolute/path.db` makes the file (not its folder) when it is missing;
    /// `postgres://user:password@host/name` needs an existing database. Any number of processes
    /// may open the same database at once, new or old; opening it again changes nothing. Secrets are
    /// sealed by `vault`, which must be the same everywhere.
    pub async fn open(url: &str, vault: Vault) -> Result<Self, Error> {
        Self::open_with(url, vault, connect::CONNECTIONS_MAX).await
    }

    /// The same with at most so many connections (at least one), which are made when they are needed.
    /// Those to a server are closed again when there are more than that takes.
    pub async fn open_with(url: &str, vault: Vault, connections_max: u32) -> Result<Self, Error> {
        let (db, turns) = connect::connect(url, connections_max.max(1)).await?;
        migrations::run(&db).await?;
        Ok(Self { db, vault: Arc::new(vault), turns: Arc::new(turns) })
    }

    /// The catalogue of a process that uses none: every call fails, and no input is vouched for.
    pub async fn absent() -> Result<Self, Error> {
        let turns = Arc::new(Turns::Process(Arc::default()));
        let vault = Arc::new(Vault::ephemeral()?);
        // It has no tables.
        let db = Database::connect("sqlite::memory:").await.map_err(Error::from_db)?;
        Ok(Self { db, vault, turns })
    }

    /// Makes sure that this process has the key with which the catalogue's secrets were sealed: fails
    /// when it can open none of the newest. Seals the first one where there is none, so that every
    /// later process has something to open.
    pub async fn check_vault(&self) -> Result<(), Error> {
        // No more of a row than is needed: the rest of it may be damaged.
        let videos: Vec<(Uuid, String)> = row::Entity::find()
            .select_only()
            .columns([row::Column::Id, row::Column::Private])
            .filter(row::Column::Private.is_not_null())
            .order_by_desc(row::Column::Id)
            .limit(SAMPLES)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(Error::from_db)?;
        any_opens(videos.iter().map(|(id, sealed)| row::check_seal(*id, sealed, &self.vault)))?;
        let messages: Vec<(Uuid, String)> = deliveries::Entity::find()
            .select_only()
            .columns([deliveries::Column::Id, deliveries::Column::Webhook])
            .order_by_desc(deliveries::Column::Id)
            .limit(SAMPLES)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(Error::from_db)?;
        let opened = messages.iter().map(|(id, it)| deliveries::check_seal(*id, it, &self.vault));
        any_opens(opened)?;
        self.signing_secrets(media::tenant::DEFAULT).await.map(drop)
    }

    /// Reads one row, to check that the database answers and has its tables.
    pub async fn check(&self) -> Result<(), Error> {
        let id = row::Entity::find().select_only().column(row::Column::Id).limit(1);
        id.into_tuple::<Uuid>().one(&self.db).await.map_err(Error::from_db)?;
        Ok(())
    }

    /// Adds a video as its first attempt, if its key may have another. Run twice with one id it changes nothing and answers
    /// the video as it stands.
    pub async fn insert(&self, new: NewVideo) -> Result<Inserted, Error> {
        let video = new.into_video(times::now());
        let untouched = OnConflict::column(row::Column::Id).do_nothing().to_owned();
        let tx = connect::tx(&self.db).await?;
        let rows = row::Entity::insert(row::Model::of(&video, &self.vault)?.into_active())
            .on_conflict(untouched)
            .exec_without_returning(&tx)
            .await
            .map_err(Error::from_insert)?;
        if rows == 0 {
            tx.rollback().await.map_err(Error::from_db)?;
            return Ok(Inserted::AlreadyThere(self.require(video.id).await?));
        }
        added(&tx, &video).await?;
        tx.commit().await.map_err(Error::from_db)?;
        Ok(Inserted::Inserted(video))
    }

    /// Finds one video; `None` when the id is unknown.
    pub async fn get(&self, video: VideoId) -> Result<Option<Video>, Error> {
        let found = row::Entity::find_by_id(video.0).one(&self.db).await.map_err(Error::from_db)?;
        found.map(|row| row.into_video(&self.vault)).transpose()
    }

    async fn require(&self, video: VideoId) -> Result<Video, Error> {
        self.get(video).await?.ok_or(Error::NotFound { video })
    }
}

/// One damaged value says nothing about the key.
fn any_opens(mut opened: impl Iterator<Item = Result<(), VaultError>>) -> Result<(), VaultError> {
    let Some(first) = opened.next() else { return Ok(()) };
    if first.is_ok() || opened.any(|other| other.is_ok()) { Ok(()) } else { first }
}

/// Writes the rows that belong to a new video, in its transaction.
async fn added(tx: &DatabaseTransaction, video: &Video) -> Result<(), Error> {
    api_keys::check_quota(tx, video.api_key).await?;
    jobs::add(tx, video.id, video.attempt, video.status).await
}
