//! Brings the tables up to date. Migrations are frozen SQL, one text per database, and only ever
//! added: what has once been released is never edited.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait::async_trait,
};

use crate::{Error, connect::tx};

/// Key of the PostgreSQL advisory lock that lets one process at a time migrate ("millrace").
const LOCK: i64 = i64::from_be_bytes(*b"millrace");

/// Applies what is missing, in one transaction. Processes take turns: on SQLite the transaction
/// holds the write lock, on PostgreSQL an advisory lock, because there two transactions that
/// make the same table fail instead of waiting. Run twice it changes nothing.
pub(crate) async fn run(db: &DatabaseConnection) -> Result<(), Error> {
    let tx = tx(db).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
        tx.execute_unprepared(&lock).await.map_err(Error::from_migration)?;
    }
    Migrator::up(&tx, None).await.map_err(Error::from_migration)?;
    tx.commit().await.map_err(Error::from_migration)
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Migration {
                name: "0001_videos",
                sqlite: include_str!("../migrations/0001_videos.sqlite.sql"),
                postgres: include_str!("../migrations/0001_videos.postgres.sql"),
            }),
            Box::new(Migration {
                name: "0002_idempotency_keys",
                sqlite: include_str!("../migrations/0002_idempotency_keys.sqlite.sql"),
                postgres: include_str!("../migrations/0002_idempotency_keys.postgres.sql"),
            }),
            Box::new(Migration {
                name: "0003_service",
                sqlite: include_str!("../migrations/0003_service.sqlite.sql"),
                postgres: include_str!("../migrations/0003_service.postgres.sql"),
            }),
            Box::new(Migration {
                name: "0004_removal",
                sqlite: include_str!("../migrations/0004_removal.sql"),
                postgres: include_str!("../migrations/0004_removal.sql"),
            }),
        ]
    }
}

struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => self.postgres,
            _ => self.sqlite,
        };
        manager.get_connection().execute_unprepared(sql).await.map(drop)
    }
}
