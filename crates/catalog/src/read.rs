//! Reads the rows of a list one by one, so that an unreadable one (written by a newer version,
//! sealed with a lost key, or changed by hand) is reported and does not hide others.

use contract::Status;
use metrics::counter;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, QueryResult, QueryTrait, Select};
use uuid::Uuid;

use crate::Error;

/// A row of a list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id.
    pub id: Uuid,
    /// Where a video stands, when at least that can be read.
    pub status: Option<Status>,
    /// What cannot be read, and why; without the value, which may be secret.
    pub reason: String,
}

/// The rows of a list, split into readable and unreadable ones.
pub(crate) struct Rows<T> {
    pub(crate) read: Vec<T>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// Rows found.
    pub(crate) found: usize,
    /// The id of the last row of which at least that can be read.
    pub(crate) last: Option<Uuid>,
}

/// Runs a query and reads its rows, the first `limit` of them; whatever is wrong with one of them is
/// counted, logged and told.
pub(crate) async fn rows<E: EntityTrait, T>(
    db: &impl ConnectionTrait,
    table: &'static str,
    query: Select<E>,
    limit: u64,
    read: impl Fn(E::Model) -> Result<T, Error>,
) -> Result<Rows<T>, Error> {
    let all = db.query_all(query.as_query()).await.map_err(Error::from_db)?;
    let mut rows = Rows { read: Vec::new(), unreadable: Vec::new(), found: all.len(), last: None };
    for row in all.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        let id = row.try_get::<Uuid>("", "id").ok();
        rows.last = id.or(rows.last);
        let model = E::Model::from_query_result(row, "").map_err(Error::from_db);
        match model.and_then(&read) {
            Ok(read) => rows.read.push(read),
            Err(error) => rows.unreadable.extend(told(table, id, row, &error)),
        }
    }
    Ok(rows)
}

/// Reports a row; `None` when not even its id can be read.
fn told(
    table: &'static str,
    id: Option<Uuid>,
    row: &QueryResult,
    error: &Error,
) -> Option<Unreadable> {
    let reason = chain(error);
    counter!("millrace_unreadable_rows_total", "table" => table).increment(1);
    tracing::error!(
        table,
        id = id.map(tracing::field::display),
        error = reason,
        "a row cannot be read"
    );
    let status = row.try_get::<String>("", "status").ok().and_then(|text| text.parse().ok());
    id.map(|id| Unreadable { id, status, reason })
}

fn chain(error: &Error) -> String {
    let all = std::iter::successors(Some(error as &dyn std::error::Error), |it| it.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
