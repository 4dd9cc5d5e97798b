//! Opens connection pools, as similarly as possible for SQLite and PostgreSQL.
//!
//! URLs are parsed here and never passed on, so that no driver can put a password into a log or an
//! error.

use std::{
    path::Path,
    sync::Arc,
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

use crate::{Error, turns::Turns};

/// Longest wait for a free connection or for a server that restarts.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// Longest wait on SQLite for other writers, who take turns in no particular order.
const WRITE_WAIT: Duration = Duration::from_secs(15);
/// Pause between two tries to switch a database to write-ahead logging.
const WAL_PAUSE: Duration = Duration::from_millis(10);
/// Connections per process unless it is told. Writers of SQLite take turns; the rest lets reads go on
/// meanwhile.
pub(crate) const CONNECTIONS_MAX: u32 = 8;
/// A connection to a server that is older than this is closed when it is given back. They are used in
/// turn, so a pool of which less is asked shrinks to what that takes.
const AGE_MAX: Duration = Duration::from_mins(5);

/// The URL of the SQLite file at `path`, with special characters escaped; `None` unless the path is
/// absolute UTF-8.
pub fn sqlite_url(path: &Path) -> Option<String> {
    path.to_str()?;
    let url = Url::from_file_path(path).ok()?;
    Some(format!("sqlite://{}", url.path()))
}

/// Connects once, so that the error says why a server cannot be reached (a pool only reports a
/// time-out), then makes a pool of at most so many connections.
pub(crate) async fn connect(
    url: &str,
    connections_max: u32,
) -> Result<(DatabaseConnection, Turns), Error> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "sqlite" => {
            let db = connect_sqlite(sqlite_options(url)?, connections_max).await?;
            Ok((db, Turns::Process(Arc::default())))
        }
        "postgres" | "postgresql" => {
            let options: PgConnectOptions =
                url.parse().map_err(|error: sqlx::Error| bad_url(&error))?;
            let options = options.application_name("millrace").disable_statement_logging();
            let db = connect_postgres(options.clone(), connections_max, AGE_MAX).await?;
            Ok((db, Turns::Server(Box::new(options))))
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
fn pool_options<DB: sqlx::Database>(connections_max: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections_max)
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

async fn connect_sqlite(
    options: SqliteConnectOptions,
    connections_max: u32,
) -> Result<DatabaseConnection, Error> {
    let options = options.disable_statement_logging();
    use_write_ahead_log(&options).await.map_err(Error::from_driver)?;
    let pool = pool_options::<sqlx::Sqlite>(connections_max);
    let pool = pool.connect_with(options).await.map_err(Error::from_driver)?;
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

async fn connect_postgres(
    options: PgConnectOptions,
    connections_max: u32,
    age_max: Duration,
) -> Result<DatabaseConnection, Error> {
    let once = tokio::time::timeout(CONNECTION_WAIT, options.connect());
    // An address at which nobody is may never answer.
    let once = once.await.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())));
    once.map_err(Error::from_driver)?.close().await.map_err(Error::from_driver)?;
    let pool = pool_options::<sqlx::Postgres>(connections_max)
        .after_release(move |_, connection| Box::pin(async move { Ok(connection.age < age_max) }))
        .connect_lazy_with(options);
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
        let sqlite = pool_options::<sqlx::Sqlite>(3);
        let postgres = pool_options::<sqlx::Postgres>(3);
        assert_eq!((sqlite.get_max_connections(), postgres.get_max_connections()), (3, 3));
        assert_eq!((sqlite.get_idle_timeout(), sqlite.get_max_lifetime()), (None, None));
        assert_eq!((postgres.get_idle_timeout(), postgres.get_max_lifetime()), (None, None));
        assert_eq!((sqlite.get_min_connections(), postgres.get_min_connections()), (0, 0));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pool_is_as_large_as_it_may_be_and_shrinks() {
        use sea_orm::{ConnectionTrait as _, Statement};

        let Some(server) = fixtures::postgres::Server::start() else { return };
        for (age_max, left) in [(Duration::from_hours(1), 3), (Duration::ZERO, 1)] {
            let options: PgConnectOptions = server.create_database().parse().unwrap();
            let db = connect_postgres(options.application_name("pool"), 3, age_max).await.unwrap();
            let sessions = async || {
                let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool' \
                             AND datname = current_database()";
                let count = Statement::from_string(sea_orm::DbBackend::Postgres, count);
                let row = db.query_one_raw(count).await.unwrap().unwrap();
                row.try_get_by_index::<i64>(0).unwrap()
            };
            assert_eq!(sessions().await, 1, "more than are needed were made");
            // Ten at once take the connections there are, in turn.
            let mut sleeps = tokio::task::JoinSet::new();
            for _ in 0..10 {
                let db = db.clone();
                sleeps.spawn(async move { db.execute_unprepared("SELECT pg_sleep(0.1)").await });
            }
            assert!(sleeps.join_all().await.iter().all(Result::is_ok));
            let give_up = Instant::now() + Duration::from_secs(30);
            while sessions().await != left {
                assert!(Instant::now() < give_up, "{} connections", sessions().await);
            }
        }
    }

    #[test]
    fn a_catalogue_in_memory_is_refused() {
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://x?mode=memory"] {
            assert!(matches!(sqlite_options(url), Err(Error::BadUrl { .. })), "{url}");
        }
    }
}
