//! Opens connection pools, as similarly as possible for SQLite and PostgreSQL.
//!
//! URLs are parsed here and never passed on, so that no driver can put a password into a log or an
//! error.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, SqlxPostgresConnector,
    SqlxSqliteConnector, TransactionOptions, TransactionTrait,
    sqlx::{
        self, ConnectOptions, Connection, error::DatabaseError, pool::PoolOptions,
        postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
    },
};
use url::Url;

use crate::Error;

/// Longest wait for a free connection or for a server that restarts.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// Longest wait on SQLite for other writers, who take turns in no particular order.
const WRITE_WAIT: Duration = Duration::from_secs(15);
/// Pause between two tries to switch a database to write-ahead logging.
const WAL_PAUSE: Duration = Duration::from_millis(10);
/// Connections per process. Writers of SQLite take turns; the rest lets reads go on meanwhile.
const CONNECTIONS_MAX: u32 = 8;

/// The URL of the SQLite file at `path`, with special characters escaped; `None` unless the path is
/// absolute UTF-8.
pub fn sqlite_url(path: &Path) -> Option<String> {
    path.to_str()?;
    let url = Url::from_file_path(path).ok()?;
    Some(format!("sqlite://{}", url.path()))
}

/// Connects once, so that the error says why a server cannot be reached (a pool only reports a
/// time-out), then makes a pool.
pub(crate) async fn connect(url: &str) -> Result<DatabaseConnection, Error> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "sqlite" => connect_sqlite(sqlite_options(url)?).await,
        "postgres" | "postgresql" => {
            let options = url.parse().map_err(|error: sqlx::Error| bad_url(&error))?;
            connect_postgres(options).await
        }
        _ => {
            Err(Error::BadUrl { reason: "it begins with neither sqlite:// nor postgres://".into() })
        }
    }
}

/// Begins a transaction that may write. On SQLite it takes the write lock at once: one that reads
/// first and writes later fails when somebody else wrote in between, without waiting.
pub(crate) async fn tx(db: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    db.begin_with_options(options).await.map_err(Error::from_db)
}

/// Options of a pool without background maintenance. A round of sqlx 0.9's housekeeping
/// (`spawn_maintenance_tasks`) goes over as many connections as it reads to be idle; one that is
/// just taken is counted off before it was counted, so that now and then this number is 2^64 - 1 and
/// the round never ends. Without limits of age there are no rounds, and a broken connection is
/// noticed all the same: each is tried before it is used.
fn pool_options<DB: sqlx::Database>() -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECTION_WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, Error> {
    // Every connection to `:memory:` would see a database of its own, and none survives.
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Error::BadUrl { reason: "a catalogue must be a file".into() });
    }
    let options: SqliteConnectOptions =
        url.parse().map_err(|error: sqlx::Error| bad_url(&error))?;
    Ok(options.create_if_missing(true).foreign_keys(true).busy_timeout(WRITE_WAIT))
}

async fn connect_sqlite(options: SqliteConnectOptions) -> Result<DatabaseConnection, Error> {
    let options = options.disable_statement_logging();
    use_write_ahead_log(&options).await.map_err(Error::from_driver)?;
    let pool =
        pool_options::<sqlx::Sqlite>().connect_with(options).await.map_err(Error::from_driver)?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// Switches the file to write-ahead logging, which lets readers and a writer work at once; the file
/// keeps it. The switch is the one operation for which SQLite does not itself wait for another
/// writer, such as another process that is just switching the same new file.
async fn use_write_ahead_log(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    let deadline = Instant::now() + WRITE_WAIT;
    loop {
        match sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await {
            Ok(_) => return connection.close().await,
            Err(error) if !is_busy(&error) || Instant::now() >= deadline => return Err(error),
            Err(_) => tokio::time::sleep(WAL_PAUSE).await,
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

async fn connect_postgres(options: PgConnectOptions) -> Result<DatabaseConnection, Error> {
    let options = options.application_name("millrace").disable_statement_logging();
    let once = tokio::time::timeout(CONNECTION_WAIT, options.connect());
    // An address at which nobody is may never answer.
    let once = once.await.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())));
    once.map_err(Error::from_driver)?.close().await.map_err(Error::from_driver)?;
    let pool = pool_options::<sqlx::Postgres>().connect_lazy_with(options);
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

fn bad_url(error: &sqlx::Error) -> Error {
    Error::BadUrl { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_survives_its_address() {
        for name in ["/data/catalog.db", "/50% off/a?b#c d.db", "/vidéos/x&mode=ro.db"] {
            let url = sqlite_url(Path::new(name)).unwrap();
            let options = sqlite_options(&url).unwrap();
            assert_eq!(options.get_filename(), Path::new(name), "{url}");
        }
        assert_eq!(sqlite_url(Path::new("relative.db")), None);
    }

    #[test]
    fn pools_keep_no_house() {
        let sqlite = pool_options::<sqlx::Sqlite>();
        let postgres = pool_options::<sqlx::Postgres>();
        assert_eq!((sqlite.get_idle_timeout(), sqlite.get_max_lifetime()), (None, None));
        assert_eq!((postgres.get_idle_timeout(), postgres.get_max_lifetime()), (None, None));
        assert_eq!((sqlite.get_min_connections(), postgres.get_min_connections()), (0, 0));
    }

    #[test]
    fn a_catalogue_in_memory_is_refused() {
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://x?mode=memory"] {
            assert!(matches!(sqlite_options(url), Err(Error::BadUrl { .. })), "{url}");
        }
    }
}
