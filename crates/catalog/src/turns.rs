//! The turn of one process among those on a catalogue: what is to be done once for all of them is done
//! by whoever has it.
//!
//! Owns who has it, and that it passes on when that process ends. Work must be right even when two
//! processes have it for a moment: a server that lost sight of the first gives it to a second.

use std::{fmt, sync::Arc, time::Duration};

use sea_orm::sqlx::{
    self, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{Catalog, Error};

/// Key of the PostgreSQL advisory lock that is the turn.
const LOCK: i64 = i64::from_be_bytes(*b"mr-turns");
/// Longest wait for an answer of the server.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Lets the server notice within a minute that the machine with the turn is gone (PostgreSQL's manual,
/// 20.3.2; by default that takes two hours).
const KEEPALIVE: &str = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; \
     SET tcp_keepalives_count = 3";

/// Where turns are given.
pub(crate) enum Turns {
    /// On PostgreSQL, by an advisory lock: it ends with the connection, however that ends.
    Server(Box<PgConnectOptions>),
    /// On SQLite, whose file is one machine's, inside this process only.
    Process(Arc<Mutex<()>>),
}

/// The turn. Dropped, another process may take it.
pub struct Turn(Held);

enum Held {
    Server(Box<PgConnection>),
    Process { _guard: OwnedMutexGuard<()> },
}

impl Catalog {
    /// Takes the turn; `None` while another process has it.
    pub async fn take_turn(&self) -> Result<Option<Turn>, Error> {
        match &*self.turns {
            Turns::Process(mutex) => {
                let guard = Arc::clone(mutex).try_lock_owned().ok();
                Ok(guard.map(|guard| Turn(Held::Process { _guard: guard })))
            }
            Turns::Server(options) => {
                let taking = tokio::time::timeout(ANSWER_WITHIN, take(options)).await;
                taking
                    .unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())))
                    .map_err(Error::from_driver)
            }
        }
    }
}

async fn take(options: &PgConnectOptions) -> Result<Option<Turn>, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql(KEEPALIVE).execute(&mut connection).await?;
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut connection)
        .await?;
    if taken {
        return Ok(Some(Turn(Held::Server(Box::new(connection)))));
    }
    connection.close().await?;
    Ok(None)
}

impl Turn {
    /// Whether this process still has it. Once it has not, it never will again.
    pub async fn is_held(&mut self) -> bool {
        match &mut self.0 {
            Held::Process { .. } => true,
            Held::Server(connection) => {
                let answer = tokio::time::timeout(ANSWER_WITHIN, connection.ping()).await;
                answer.is_ok_and(|answer| answer.is_ok())
            }
        }
    }
}

// The options of a connection hold its password.
impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turns(..)")
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn(..)")
    }
}
