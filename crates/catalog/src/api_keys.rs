//! API keys: who may call, for which tenant, and how often.
//!
//! A key is shown once, when it is created. Only its digest is kept: 256 random bits cannot be
//! guessed, so a fast hash is enough.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::ApiKeyId;
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, QueryOrder as _, QuerySelect as _, entity::prelude::*,
};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use crate::{Catalog, Error, Secret, VaultError, read, row, times::now};

/// Prefix by which people and secret scanners recognise a key.
const PREFIX: &str = "mr_";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// Videos in these statuses count against `videos_max`.
const UNFINISHED: [&str; 3] = ["uploading", "uploaded", "transcoding"];

/// A key to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its name.
    pub name: String,
    /// The tenant whose videos it can access.
    pub tenant: String,
    /// Most requests per minute; unlimited if `None`.
    pub requests_per_minute: Option<u32>,
    /// Most unfinished videos; unlimited if `None`.
    pub videos_max: Option<u32>,
}

/// A key without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which is no secret.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// The tenant whose videos it can access.
    pub tenant: String,
    /// Most requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Most unfinished videos.
    pub videos_max: Option<u32>,
    /// When it was made; whole microseconds, UTC.
    pub created_at: OffsetDateTime,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

/// The keys that can be used, as they were when they were read.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys(Vec<(String, ApiKey)>);

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant: String,
    pub name: String,
    pub digest: String,
    pub requests_per_minute: Option<i64>,
    pub videos_max: Option<i64>,
    pub created_at: OffsetDateTime,
    pub revoked_at: Option<OffsetDateTime>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl ApiKeys {
    /// True when there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// False for a text that cannot be a key, whatever keys there are.
    pub fn is_plausible(text: &str) -> bool {
        let digits = text.strip_prefix(PREFIX).unwrap_or_default();
        URL_SAFE_NO_PAD.decode(digits).is_ok_and(|bytes| bytes.len() == KEY_BYTES)
    }

    /// The key with this text. The time it takes reveals nothing about the keys.
    pub fn find(&self, text: &str) -> Option<&ApiKey> {
        let wanted = digest_of(text);
        self.0.iter().fold(None, |found, (digest, key)| {
            let same: bool = digest.as_bytes().ct_eq(wanted.as_bytes()).into();
            if same { Some(key) } else { found }
        })
    }
}

impl Catalog {
    /// Creates a key and returns it with its text, which cannot be read again. Run twice, it
    /// creates two.
    pub async fn create_api_key(&self, new: NewApiKey) -> Result<(ApiKey, Secret), Error> {
        let text = generate()?;
        let model = Model {
            id: Uuid::now_v7(),
            tenant: new.tenant,
            name: new.name,
            digest: digest_of(text.expose()),
            requests_per_minute: new.requests_per_minute.map(i64::from),
            videos_max: new.videos_max.map(i64::from),
            created_at: now(),
            revoked_at: None,
        };
        let row = ActiveModel::from(model.clone()).reset_all();
        Entity::insert(row).exec_without_returning(&self.db).await.map_err(Error::from_db)?;
        Ok((model.into_key(), text))
    }

    /// Every key, revoked ones included, oldest first.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        let query = Entity::find().order_by_asc(Column::Id);
        let read = |row: Model| Ok(row.into_key());
        Ok(read::rows(&self.db, "api_keys", query, u64::MAX, read).await?.read)
    }

    /// The keys that can be used now.
    pub async fn usable_api_keys(&self) -> Result<ApiKeys, Error> {
        let query = Entity::find().filter(Column::RevokedAt.is_null());
        let read = |row: Model| Ok((row.digest.clone(), row.into_key()));
        Ok(ApiKeys(read::rows(&self.db, "api_keys", query, u64::MAX, read).await?.read))
    }

    /// Revokes a key and returns it; `None` when there is none. Run twice it changes nothing.
    pub async fn revoke_api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
        let revoked = ActiveModel { revoked_at: Set(Some(now())), ..Default::default() };
        let update = Entity::update_many()
            .set(revoked)
            .filter(Column::Id.eq(id.0))
            .filter(Column::RevokedAt.is_null());
        update.exec(&self.db).await.map_err(Error::from_db)?;
        let row = Entity::find_by_id(id.0).one(&self.db).await.map_err(Error::from_db)?;
        Ok(row.map(Model::into_key))
    }
}

impl Model {
    fn into_key(self) -> ApiKey {
        // A number out of range allows nothing rather than everything.
        let limit = |number: i64| u32::try_from(number).unwrap_or(0);
        ApiKey {
            id: ApiKeyId(self.id),
            name: self.name,
            tenant: self.tenant,
            requests_per_minute: self.requests_per_minute.map(limit),
            videos_max: self.videos_max.map(limit),
            created_at: self.created_at,
            revoked_at: self.revoked_at,
        }
    }
}

/// Refuses when a key, with what the transaction has just written, has more unfinished videos than
/// it may. Those who write under one key take turns: on PostgreSQL its row is locked until the end
/// of the transaction, on SQLite the database is.
pub(crate) async fn check_quota(
    tx: &DatabaseTransaction,
    key: Option<ApiKeyId>,
) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    let row = Entity::find_by_id(key.0).lock_exclusive().one(tx).await.map_err(Error::from_db)?;
    let Some(videos_max) = row.and_then(|row| row.into_key().videos_max) else { return Ok(()) };
    let unfinished = row::Entity::find()
        .filter(row::Column::ApiKey.eq(key.0))
        .filter(row::Column::Status.is_in(UNFINISHED))
        .count(tx)
        .await
        .map_err(Error::from_db)?;
    if unfinished > u64::from(videos_max) {
        return Err(Error::QuotaExceeded { key, videos_max });
    }
    Ok(())
}

fn generate() -> Result<Secret, VaultError> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

fn digest_of(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_256_random_bits_and_a_prefix() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), PREFIX.len() + 43);
        assert!(one.expose().starts_with(PREFIX));
        assert_eq!(format!("{one:?}"), "Secret(..)");
        assert!(ApiKeys::is_plausible(one.expose()));
        let long = format!("{}A", one.expose());
        for text in ["", "mr_", "mr_unknown", &one.expose()[1..], &long] {
            assert!(!ApiKeys::is_plausible(text), "{text}");
        }
    }

    #[test]
    fn the_digest_is_sha_256_in_hexadecimal() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of("abc"), known);
    }
}
