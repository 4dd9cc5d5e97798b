//! Starts sending messages that were left behind when a process died or Temporal did not answer,
//! and deletes old messages.

use std::time::Duration;

use contract::delivery;
use futures::TryStreamExt as _;
use time::OffsetDateTime;

use crate::{Api, Error, paging, problem::chain, temporal};

/// How long messages are kept after their last change.
const KEPT: Duration = Duration::from_hours(30 * 24);

impl Api {
    /// Checks all messages that wait and have not changed for `quiet`, and answers for
    /// how many a workflow was started. Run twice, the second run starts none.
    pub async fn reconcile_deliveries(&self, quiet: Duration) -> Result<u64, Error> {
        let now = OffsetDateTime::now_utc();
        self.catalog.forget_deliveries(now - KEPT).await.map_err(Error::Catalog)?;
        let mut started = 0;
        let mut waiting = std::pin::pin!(paging::every(move |after| async move {
            let page = self.catalog.pending_deliveries(now - quiet, after).await;
            let page = page.map_err(Error::Catalog)?;
            let last = page.last().map(|message| message.delivery);
            Ok::<_, Error>((page, last))
        }));
        while let Some(message) = waiting.try_next().await? {
            started += u64::from(self.deliver_again(message).await?);
        }
        Ok(started)
    }

    /// One message that cannot be sent must not hold up the others.
    async fn deliver_again(&self, message: delivery::Input) -> Result<bool, Error> {
        match temporal::deliver(self, message).await {
            Err(error) if !error.is_transient() => {
                let error = chain(&error);
                tracing::error!(delivery = %message.delivery, error, "its workflow cannot be started");
                Ok(false)
            }
            started => started,
        }
    }
}
