//! Everything that can go wrong in the catalogue, and whether trying again can help.
//!
//! Drivers' own error types stay inside: callers see what it means for them.

use std::{error::Error as StdError, sync::Arc};

use contract::{ApiKeyId, VideoId};
use sea_orm::{
    DbErr, RuntimeErr, SqlErr,
    sqlx::{self, sqlite::SqliteError},
};

/// What the database or its driver said.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// Why the catalogue did not do what was asked. Nothing was changed, except that after
/// [`Error::Unavailable`] a write may have been done without its answer arriving: repeat it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not answer or cannot serve us now; trying again can help.
    #[error("the catalogue's database is not available")]
    Unavailable {
        /// What the driver said.
        #[source]
        source: Cause,
    },
    /// The database refused a statement for a reason that trying again does not change.
    #[error("the catalogue's database refused a statement")]
    Refused {
        /// What the driver said.
        #[source]
        source: Cause,
    },
    /// The tables cannot be brought up to date, for instance because a newer Millrace made them.
    #[error("the catalogue's tables cannot be brought up to date")]
    Migration {
        /// What the driver said.
        #[source]
        source: Cause,
    },
    /// The database URL cannot be used. The URL itself is left out: it may contain a password.
    #[error("the catalogue's database address is not usable: {reason}")]
    BadUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such video.
    #[error("there is no video {video}")]
    NotFound {
        /// The unknown id.
        video: VideoId,
    },
    /// The upload belongs to another video; one upload makes one video.
    #[error("the upload belongs to another video")]
    UploadTaken,
    /// A stored value cannot be read back.
    #[error("column `{column}` of video {video} cannot be read")]
    Corrupt {
        /// The video whose row it is.
        video: VideoId,
        /// The column.
        column: &'static str,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// A value to be stored has no stored form.
    #[error("`{column}` cannot be stored")]
    Unstorable {
        /// The column it was meant for.
        column: &'static str,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// A sealed value cannot be opened.
    #[error(transparent)]
    Vault(#[from] crate::VaultError),
    /// The key has as many unfinished videos as it may; another can be added when one of them ends.
    #[error("the API key may have {videos_max} unfinished videos, and has them")]
    QuotaExceeded {
        /// The key.
        key: ApiKeyId,
        /// Its limit.
        videos_max: u32,
    },
    /// A text is not a cursor from a page of videos.
    #[error("`{text}` is not a cursor of a list of videos")]
    BadCursor {
        /// The text.
        text: String,
    },
}

impl Error {
    /// True when the same call can succeed later without changes.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn from_db(error: DbErr) -> Self {
        let transient = is_transient(&error);
        let source = cause(error);
        if transient { Self::Unavailable { source } } else { Self::Refused { source } }
    }

    /// A refused row of a video: besides its id, on which nothing fails, only its upload is unique.
    pub(crate) fn from_insert(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::UploadTaken,
            _ => Self::from_db(error),
        }
    }

    pub(crate) fn from_migration(error: DbErr) -> Self {
        match Self::from_db(error) {
            Self::Refused { source } => Self::Migration { source },
            other => other,
        }
    }

    pub(crate) fn from_driver(error: sqlx::Error) -> Self {
        Self::from_db(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
    }
}

/// The driver's own error, without the layer that only repeats it.
fn cause(error: DbErr) -> Cause {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => Box::new(inner),
        other => Box::new(other),
    }
}

fn is_transient(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => match &**inner {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(refusal) => {
                let code = refusal.code().unwrap_or_default();
                match refusal.try_downcast_ref::<SqliteError>() {
                    Some(_) => passes_on_sqlite(&code),
                    None => passes_on_postgres(&code),
                }
            }
            _ => false,
        },
        _ => false,
    }
}

/// Connection lost, serialisation and deadlock, out of resources, shutting down, lock not available,
/// system error, and read-only, as a standby is during a failover.
fn passes_on_postgres(sqlstate: &str) -> bool {
    const CLASSES: [&str; 7] = ["08", "40", "53", "57P", "55P03", "58", "25006"];
    CLASSES.iter().any(|class| sqlstate.starts_with(class))
}

/// Busy, locked, input/output error, full, cannot open. The low byte is the primary code.
fn passes_on_sqlite(code: &str) -> bool {
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_that_pass_are_told_from_those_that_stay() {
        for code in ["08006", "40001", "40P01", "53300", "57P01", "55P03"] {
            assert!(passes_on_postgres(code), "{code}");
        }
        for code in ["", "23505", "42P01", "28P01", "3D000", "57014"] {
            assert!(!passes_on_postgres(code), "{code}");
        }
        for code in ["5", "6", "261", "517", "14", "8458"] {
            assert!(passes_on_sqlite(code), "{code}");
        }
        for code in ["", "1", "8", "11", "19", "2067"] {
            assert!(!passes_on_sqlite(code), "{code}");
        }
    }

    #[test]
    fn a_full_pool_is_transient_and_a_missing_migration_is_not() {
        let full = DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout);
        assert!(Error::from_db(full).is_transient());
        let newer = Error::from_migration(DbErr::Custom("no such migration".into()));
        assert!(matches!(newer, Error::Migration { .. }) && !newer.is_transient());
    }
}
