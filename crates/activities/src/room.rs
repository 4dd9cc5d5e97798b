//! Watches the disk while something of unknown size is written to it.

use std::time::Duration;

use crate::failure::Error;

/// How often it is checked: even a fast network delivers less than the reserve in between.
const LOOK: Duration = Duration::from_millis(500);

/// Runs `work` as long as `check` finds room; else drops it and answers what `check` found.
pub(crate) async fn while_there_is<T>(
    check: impl Fn() -> Result<(), storage::Error>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut work = Box::pin(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            () = tokio::time::sleep(LOOK) => check()?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use contract::ErrorCode;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_fills_ends_what_fills_it() {
        let looks = Cell::new(0);
        let check = || {
            looks.set(looks.get() + 1);
            let full = storage::Error::NoSpace { free: 1, reserve: 2 };
            if looks.get() < 2 { Ok(()) } else { Err(full) }
        };
        let ended = while_there_is(check, std::future::pending::<Result<(), Error>>()).await;
        assert_eq!(ended.unwrap_err().code(), ErrorCode::NoSpace);
        assert_eq!(looks.get(), 2);
        let done = while_there_is(|| Ok(()), async { Ok::<_, Error>(7) }).await;
        assert_eq!(done.unwrap(), 7);
    }
}
