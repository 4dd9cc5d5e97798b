//! The secrets that sign a tenant's messages to webhooks without a secret of their own.
//!
//! A tenant has one from its first use on. After a rotation the old ones sign too for a while, so
//! that receivers can change over.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom as _, SystemRandom};
use sea_orm::{
    ActiveValue::Set, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, QueryOrder,
    entity::prelude::*,
};
use time::OffsetDateTime;

use crate::{
    Catalog, Error, Secret, Vault, VaultError,
    connect::tx,
    private::SIGNING_PREFIX,
    read,
    times::{later, now},
};

/// Random bytes of a secret; 24 to 64 are allowed.
const BYTES: usize = 32;
/// Key of the PostgreSQL advisory lock under which secrets are made ("whsecret").
const LOCK: i64 = i64::from_be_bytes(*b"whsecret");

/// A secret that signs messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningSecret {
    /// The secret, `whsec_…`.
    pub secret: Secret,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it stops signing; `None` for the newest one.
    pub expires_at: Option<OffsetDateTime>,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_secrets")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant: String,
    pub secret: String,
    pub created_at: OffsetDateTime,
    pub expires_at: Option<OffsetDateTime>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Catalog {
    /// The secrets that sign for a tenant now, newest first; the first call makes one.
    pub async fn signing_secrets(&self, tenant: &str) -> Result<Vec<SigningSecret>, Error> {
        let found = self.active(&self.db, tenant).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        let tx = self.locked().await?;
        if self.active(&tx, tenant).await?.is_empty() {
            add(&tx, &self.vault, tenant).await?;
        }
        let found = self.active(&tx, tenant).await?;
        tx.commit().await.map_err(Error::from_db)?;
        Ok(found)
    }

    /// Makes a new secret for a tenant; those before it sign for `overlap` more, unless they end
    /// earlier anyway. Answers all that sign, newest first. Run twice, it makes two.
    pub async fn rotate_signing_secret(
        &self,
        tenant: &str,
        overlap: Duration,
    ) -> Result<Vec<SigningSecret>, Error> {
        let tx = self.locked().await?;
        let end = now() + overlap;
        let ending = ActiveModel { expires_at: Set(Some(end)), ..Default::default() };
        let longer = ends_later(&tx, end);
        let of_tenant = Column::Tenant.eq(tenant);
        let before = Entity::update_many().set(ending).filter(of_tenant.clone()).filter(longer);
        before.exec(&tx).await.map_err(Error::from_db)?;
        let alive = ends_later(&tx, now());
        let over = Entity::delete_many().filter(of_tenant).filter(alive.not());
        over.exec(&tx).await.map_err(Error::from_db)?;
        add(&tx, &self.vault, tenant).await?;
        let found = self.active(&tx, tenant).await?;
        tx.commit().await.map_err(Error::from_db)?;
        Ok(found)
    }

    /// A transaction in which nobody else makes secrets.
    async fn locked(&self) -> Result<DatabaseTransaction, Error> {
        let tx = tx(&self.db).await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
            tx.execute_unprepared(&lock).await.map_err(Error::from_db)?;
        }
        Ok(tx)
    }

    async fn active(
        &self,
        db: &impl ConnectionTrait,
        tenant: &str,
    ) -> Result<Vec<SigningSecret>, Error> {
        let query = Entity::find()
            .filter(Column::Tenant.eq(tenant))
            .filter(ends_later(db, now()))
            .order_by_desc(Column::Id);
        let read = |row: Model| row.into_secret(&self.vault);
        let rows = read::rows(db, "signing_secrets", query, u64::MAX, read).await?;
        // Others go on signing for one that cannot be read. Where there is no other, a new one made
        // in its place would sign what no receiver can verify.
        if rows.read.is_empty() && rows.found > 0 {
            return Err(VaultError::Sealed.into());
        }
        Ok(rows.read)
    }
}

impl Model {
    fn into_secret(self, vault: &Vault) -> Result<SigningSecret, Error> {
        let plain = vault.open(&place(self.id), &self.secret)?;
        let text = String::from_utf8(plain).map_err(|_| VaultError::Sealed)?;
        Ok(SigningSecret {
            secret: Secret::new(text),
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

/// Secrets that still sign after `time`.
fn ends_later(db: &impl ConnectionTrait, time: OffsetDateTime) -> Condition {
    Condition::any().add(Column::ExpiresAt.is_null()).add(later(db, Column::ExpiresAt, time))
}

async fn add(db: &impl ConnectionTrait, vault: &Vault, tenant: &str) -> Result<(), Error> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    let text = format!("{SIGNING_PREFIX}{}", STANDARD.encode(bytes));
    let id = Uuid::now_v7();
    let row = ActiveModel {
        id: Set(id),
        tenant: Set(tenant.to_owned()),
        secret: Set(vault.seal(&place(id), text.as_bytes())?),
        created_at: Set(now()),
        expires_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(db).await.map_err(Error::from_db)?;
    Ok(())
}

/// Where a secret is sealed.
fn place(id: Uuid) -> String {
    format!("signing secret {id}")
}
