//! The calls on messages to webhooks, one file each, and what starts sending them.

pub(crate) mod list;
mod pending;
pub(crate) mod replay;
pub(crate) mod show;
mod view;

pub(crate) use view::WebhookView;

use catalog::{Delivery, Finished, Moved};
use contract::{DeliveryId, completion, delivery};

use crate::{
    Api, Error,
    caller::Caller,
    problem::{Problem, chain},
    temporal,
};

impl Api {
    /// Records how an attempt ended and starts sending the message to its webhook.
    pub(crate) async fn finish(&self, end: &completion::Input) -> Result<Moved, Error> {
        let Finished { moved, delivery } =
            self.catalog.finish(end).await.map_err(Error::Catalog)?;
        if let Some(delivery) = delivery
            && let Err(error) = temporal::deliver(self, delivery::Input::first(delivery)).await
        {
            // The message is written down; the next look for pending ones finds it.
            tracing::warn!(%delivery, error = chain(&error), "a webhook waits to be told");
        }
        Ok(moved)
    }

    /// Finds a message of the caller; an id that is not a UUID is not found either.
    pub(crate) async fn find_delivery(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Delivery, Problem> {
        let unknown = || Problem::delivery_not_found(id);
        let id: DeliveryId = id.parse().map_err(|_| unknown())?;
        let found = self.catalog.delivery(id).await?;
        found.filter(|delivery| delivery.tenant == caller.tenant).ok_or_else(unknown)
    }
}
