//! The catalogue's tests: every one of them on a SQLite file and on a real PostgreSQL.
//!
//! Without the binaries of PostgreSQL its half is skipped with a printed reason, and fails in CI.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its functions too")]

mod addresses;
mod api_keys;
mod counts;
mod deliveries;
mod jobs;
mod keys;
mod moves;
mod opening;
mod paging;
mod place;
mod records;
mod removal;
mod rows;
mod signing;
mod times;
mod turns;
mod unreadable;
mod uploads;

/// Runs each case, a function of a [`place::Place`], on both databases. On PostgreSQL they are one
/// test, because a server takes longer to start than all of them to run.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(crate::place::Place::sqlite()).await;
            })*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn on_postgres() {
            let Some(server) = fixtures::postgres::Server::start() else { return };
            $(println!("{}", stringify!($case));
            $case(crate::place::Place::postgres(&server)).await;)*
        }
    };
}
use on_both;
