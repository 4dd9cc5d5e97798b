//! Messages that nobody sends, because a process died or Temporal did not answer, are sent; messages
//! that were done with long ago are forgotten.

use std::time::Duration;

use catalog::{DeliveryFilter, PAGE_MAX};
use contract::{DeliveryStatus, delivery};
use time::OffsetDateTime;

use crate::{Api, Error, temporal};

/// How long messages are kept after their last change.
const KEPT: Duration = Duration::from_hours(30 * 24);

impl Api {
    /// Looks once through all messages that wait and have not changed for `quiet`, and answers for
    /// how many a workflow was started. Run twice, the second run starts none.
    pub async fn reconcile_deliveries(&self, quiet: Duration) -> Result<u64, Error> {
        let now = OffsetDateTime::now_utc();
        self.catalog.forget_deliveries(now - KEPT).await.map_err(Error::Catalog)?;
        let filter = DeliveryFilter {
            status: Some(DeliveryStatus::Pending),
            unchanged_since: Some(now - quiet),
            ..DeliveryFilter::default()
        };
        let (mut started, mut after) = (0, None);
        loop {
            let page = self.catalog.deliveries(filter.clone(), PAGE_MAX, after).await;
            let page = page.map_err(Error::Catalog)?;
            for waiting in page.deliveries {
                let message = delivery::Input { delivery: waiting.id, round: waiting.round };
                started += u64::from(temporal::deliver(&self.temporal, message).await?);
            }
            let Some(next) = page.next else { return Ok(started) };
            after = Some(next);
        }
    }
}
