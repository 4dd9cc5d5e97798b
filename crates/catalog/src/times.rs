//! The clock of the catalogue, and how times in columns are compared.
//!
//! SQLite keeps times as text with as many digits as needed. Compared as they are,
//! `12:00:00.5Z` comes before `12:00:00Z`, because `.` sorts before `Z`; without the `Z` both
//! databases agree. No other file compares a column of times.

use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait, Order, QueryFilter, QueryOrder,
    sea_query::{Expr, Func, IntoColumnRef, SimpleExpr},
};
use time::{OffsetDateTime, UtcOffset};

/// The time in whole microseconds, which is what both databases keep.
pub(crate) fn now() -> OffsetDateTime {
    whole_microseconds(OffsetDateTime::now_utc())
}

fn whole_microseconds(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_microsecond(time.microsecond()).expect("a time's own microsecond is in range")
}

/// True for rows whose `column` is earlier than `time`.
pub(crate) fn earlier(
    db: &impl ConnectionTrait,
    column: impl IntoColumnRef,
    time: OffsetDateTime,
) -> SimpleExpr {
    of_column(db, column).lt(of_value(db, time))
}

/// True for rows whose `column` is later than `time`.
pub(crate) fn later(
    db: &impl ConnectionTrait,
    column: impl IntoColumnRef,
    time: OffsetDateTime,
) -> SimpleExpr {
    of_column(db, column).gt(of_value(db, time))
}

/// Sorts by `column`, the earliest first.
pub(crate) fn earliest_first<Q: QueryFilter + QueryOrder>(
    query: Q,
    db: &impl ConnectionTrait,
    column: impl IntoColumnRef,
) -> Q {
    query.order_by(of_column(db, column), Order::Asc)
}

fn of_column(db: &impl ConnectionTrait, column: impl IntoColumnRef) -> SimpleExpr {
    without_zone(db, Expr::col(column))
}

fn of_value(db: &impl ConnectionTrait, time: OffsetDateTime) -> SimpleExpr {
    without_zone(db, Expr::val(whole_microseconds(time.to_offset(UtcOffset::UTC))))
}

fn without_zone(db: &impl ConnectionTrait, time: impl Into<SimpleExpr>) -> SimpleExpr {
    match db.get_database_backend() {
        DbBackend::Sqlite => Func::cust("rtrim").arg(time).arg("Z").into(),
        _ => time.into(),
    }
}
